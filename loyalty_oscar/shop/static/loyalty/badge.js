/* Fills in the badge where pages are the same for everybody (LOYALTY_BADGE = "fetch"). Without it, it is a link. */
(function () {
  var badges = document.querySelectorAll("[data-loyalty-fetch]");
  if (!badges.length || !window.fetch) return;
  fetch(badges[0].dataset.loyaltyFetch, { credentials: "same-origin" })
    .then(function (answer) { return answer.status === 200 ? answer.json() : null; })
    .then(function (found) {
      if (!found) return;
      badges.forEach(function (badge) {
        var text = badge.querySelector(".loyalty-badge-text");
        text.textContent = found[badge.dataset.loyaltyForm];
        text.dataset.loyalty = "available";
        text.dataset.value = found.value;
        var label = found.points;
        if (found.level) {
          var level = document.createElement("span");
          level.className = badge.dataset.loyaltyForm === "number" ? "loyalty-brief" : "loyalty-named";
          level.innerHTML = found.level;
          badge.replaceChild(level, badge.querySelector(".loyalty-glyph"));
          label = level.textContent + ", " + label;
        }
        if (found.dot) {
          text.insertAdjacentHTML("afterend", found.dot);
          label += text.nextElementSibling.textContent;
        }
        badge.setAttribute("aria-label", label);
      });
    })
    .catch(function () {});
})();
