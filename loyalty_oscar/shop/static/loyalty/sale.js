/* Moments of a sale for those who live in another time than the shop, and how long still; without a voice. */
(function () {
  var lang = document.documentElement.lang || undefined;
  var day = { weekday: "long", day: "numeric", month: "long" }, hour = { hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  document.querySelectorAll("time[data-loyalty-local]").forEach(function (time) {
    var at = new Date(time.dateTime), zone = /([+-])(\d\d):(\d\d)$/.exec(time.dateTime);
    var east = zone ? Number(zone[1] + "1") * (zone[2] * 60 + Number(zone[3])) : 0;
    if (east === -at.getTimezoneOffset()) return;
    var shape = time.dataset.loyaltyLocal === "day" ? day : Object.assign({}, day, hour);
    time.textContent = new Intl.DateTimeFormat(lang, shape).format(at);
  });
  if (!Intl.ListFormat) return;
  function part(number, unit) {
    return new Intl.NumberFormat(lang, { style: "unit", unit: unit, unitDisplay: "long" }).format(number);
  }
  function show() {
    document.querySelectorAll("[data-loyalty-until]").forEach(function (place) {
      var minutes = Math.max(0, Math.floor((new Date(place.dataset.loyaltyUntil) - Date.now()) / 60000));
      var parts = [[Math.floor(minutes / 1440), "day"], [Math.floor(minutes / 60) % 24, "hour"], [minutes % 60, "minute"]];
      var first = parts.findIndex(function (pair) { return pair[0]; });
      var told = parts.slice(first < 0 ? 2 : first).slice(0, 2).filter(function (pair) { return pair[0] || first < 0; });
      place.textContent = new Intl.ListFormat(lang).format(told.map(function (pair) { return part(pair[0], pair[1]); }));
    });
  }
  show();
  setInterval(show, 60000);
})();
