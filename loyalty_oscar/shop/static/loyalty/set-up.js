/* How much the shop gives back, beside the numbers while they are typed. The server says the same. */
(function () {
  "use strict";
  var rate = document.getElementById("loyalty-rate");
  var spend = document.getElementById("id_spend"), worth = document.getElementById("id_worth");
  if (!rate || !spend || !worth) return;
  function number(field) { return parseFloat(field.value.replace(",", ".")); }
  function tell() {
    var part = number(worth) / number(spend) / 100;
    rate.textContent = isFinite(part) && part >= 0
      ? part.toLocaleString(document.documentElement.lang || "en", {style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1})
      : "–";
  }
  spend.addEventListener("input", tell);
  worth.addEventListener("input", tell);
  // What was typed before this script came, or stands there again after the way back.
  if (spend.value !== spend.defaultValue || worth.value !== worth.defaultValue) tell();
})();
