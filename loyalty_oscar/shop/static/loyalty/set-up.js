/* How much the shop gives back, beside the numbers while they are typed. The server says the same. */
(function () {
  "use strict";
  var rate = document.getElementById("loyalty-rate");
  var spend = document.getElementById("id_spend"), worth = document.getElementById("id_worth");
  var percent = document.getElementById("id_percent");
  if (!rate || !(percent || (spend && worth))) return;
  function number(field) { return parseFloat(field.value.replace(",", ".")); }
  function tell() {
    var part = (percent ? number(percent) : number(worth) / number(spend)) / 100;
    rate.textContent = isFinite(part) && part >= 0
      ? part.toLocaleString(document.documentElement.lang || "en", {style: "percent", minimumFractionDigits: percent ? 0 : 1, maximumFractionDigits: percent ? 2 : 1})
      : "–";
  }
  var typed = percent ? [percent] : [spend, worth];
  typed.forEach(function (field) { field.addEventListener("input", tell); });
  // What was typed before this script came, or stands there again after the way back.
  if (typed.some(function (field) { return field.value !== field.defaultValue; })) tell();
})();
