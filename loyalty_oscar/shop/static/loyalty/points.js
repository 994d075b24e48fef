/* The points control answers in place: the page it would lead to is fetched, and its parts are put in here. */
(function () {
  var root = document.documentElement;
  var parts = "#points, #basket_totals, .loyalty-earn, .loyalty-badge, .basket-mini, .btn-cart, [name=loyalty-shown]";
  if (!window.fetch || root.classList.contains("loyalty-js")) return;
  root.classList.add("loyalty-js");

  function unveil() {
    document.querySelectorAll("#points .loyalty-slider").forEach(function (slider) { slider.hidden = false; });
  }

  function busy(control) {
    control.querySelectorAll("button, input:not([type=hidden])").forEach(function (one) { one.disabled = true; });
    var answer = control.querySelector(".loyalty-answer"), words = document.createElement("span");
    words.className = "loyalty-busy";
    words.textContent = control.dataset.loyaltyBusy + " ";
    answer.prepend(words);
  }

  function show(page, button) {
    var then = page.querySelectorAll(parts), now = document.querySelectorAll(parts);
    if (then.length !== now.length) return window.location.reload();
    now.forEach(function (part, at) { part.replaceWith(document.importNode(then[at], true)); });
    unveil();
    var pressed = '#points button[name="' + button.name + '"][value="' + button.value + '"]';
    var next = document.querySelector("#points [aria-invalid]") || document.querySelector(pressed);
    next = next || document.getElementById("points-number");
    if (next) next.focus();
  }

  document.addEventListener("submit", function (event) {
    var form = event.target, control = form.closest("#points"), button = event.submitter;
    if (!control || event.defaultPrevented) return;
    event.preventDefault();
    var sent = new URLSearchParams(new FormData(form));
    if (button && button.name) sent.append(button.name, button.value);
    busy(control);
    fetch(form.action, { method: "POST", body: sent, credentials: "same-origin" })
      .then(function (answer) {
        return answer.text().then(function (text) {
          var page = new DOMParser().parseFromString(text, "text/html");
          if (!answer.ok || !page.getElementById("points")) throw answer;
          show(page, button || {});
        });
      })
      .catch(function () { window.location.reload(); });
  });

  function slid(event) {
    if (!event.target.matches("#points .loyalty-slider")) return null;
    return event.target;
  }
  document.addEventListener("input", function (event) {
    var slider = slid(event);
    if (!slider) return;
    slider.form.elements.points.value = slider.value;
    slider.setAttribute("aria-valuetext", Number(slider.value).toLocaleString(root.lang || undefined));
  });
  /* Let go with the pointer, it applies; with the keyboard the button beside the number does. */
  document.addEventListener("pointerup", function (event) {
    var slider = slid(event);
    if (slider && slider.value !== slider.defaultValue) slider.form.requestSubmit();
  });

  /* Oscar puts the whole basket in anew when a quantity changes. */
  var content = document.getElementById("content_inner");
  if (content) new MutationObserver(unveil).observe(content, { childList: true });
  unveil();
})();
