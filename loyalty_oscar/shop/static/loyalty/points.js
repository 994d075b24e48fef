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

  /* The node that is read aloud stays where it is: only what stands in it and around it is new. */
  function renew(control, fresh) {
    var live = control.querySelector(".loyalty-answer"), said = fresh.querySelector(".loyalty-answer"), before = true;
    Array.from(control.childNodes).forEach(function (node) { if (node !== live) node.remove(); });
    Array.from(fresh.childNodes).forEach(function (node) {
      if (node === said) before = false;
      else control.insertBefore(document.importNode(node, true), before ? live : null);
    });
    [[control, fresh], [live, said]].forEach(function (pair) {
      Array.from(pair[0].attributes).forEach(function (one) { pair[0].removeAttribute(one.name); });
      Array.from(pair[1].attributes).forEach(function (one) { pair[0].setAttribute(one.name, one.value); });
    });
    live.innerHTML = said.innerHTML;
  }

  function show(page, button) {
    var then = page.querySelectorAll(parts), now = document.querySelectorAll(parts);
    if (then.length !== now.length) return window.location.reload();
    now.forEach(function (part, at) {
      if (part.id === "points") renew(part, then[at]);
      else part.replaceWith(document.importNode(then[at], true));
    });
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
    var lang = root.lang || undefined, told = slider.dataset, places = Number(told.loyaltyPlaces);
    var amount = Math.floor(slider.value * told.loyaltyPoint * Math.pow(10, places) + 1e-6) / Math.pow(10, places);
    amount = amount.toLocaleString(lang, { minimumFractionDigits: places, maximumFractionDigits: places });
    var says = told.loyaltySays.replace("{number}", Number(slider.value).toLocaleString(lang)).replace("{amount}", amount);
    slider.form.elements.points.value = slider.value;
    slider.setAttribute("aria-valuetext", says);
    var beside = slider.parentNode.querySelector(".loyalty-slid");
    beside.textContent = says;
    beside.hidden = false;
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
