/* Oscar's page of an order: the preview of a return follows the lines and quantities that are ticked in Oscar's form. */
(function () {
  var lines = document.getElementById("order_lines_form"), ours = document.getElementById("loyalty-return");
  var form = ours && ours.querySelector("form");
  if (!form || !window.fetch || !window.URLSearchParams) return;
  var asked = 0;
  function ask() {
    var turn = ++asked, query = new URLSearchParams(new FormData(form)).toString();
    fetch("?" + query, { credentials: "same-origin" })
      .then(function (answer) { return answer.ok ? answer.text() : ""; })
      .then(function (html) {
        var found = new DOMParser().parseFromString(html, "text/html").getElementById("loyalty-return-answer");
        if (found && turn === asked) document.getElementById("loyalty-return-answer").innerHTML = found.innerHTML;
      })
      .catch(function () {});
  }
  function follow(event) {
    if (!/^selected_line/.test(event.target.name || "")) return;
    var ticked = lines.querySelectorAll("[name=selected_line]:checked");
    if (!ticked.length) return;
    form.querySelectorAll("[name^=return-]").forEach(function (field) { field.value = 0; });
    ticked.forEach(function (box) {
      var field = form.elements["return-" + box.value], typed = lines.elements["selected_line_qty_" + box.value];
      if (field) field.value = Math.min(field.max, Math.max(0, parseInt(typed && typed.value, 10) || 0));
    });
    ask();
  }
  form.addEventListener("change", ask);
  form.addEventListener("submit", function (event) { event.preventDefault(); ask(); });
  if (lines) lines.addEventListener("change", follow);
})();
