/* Share first, then copy. Without this file the links and the readonly field do the same by hand. */
(function () {
  var share = document.getElementById("loyalty-share"), copy = document.getElementById("loyalty-copy");
  var field = document.getElementById("loyalty-link"), said = document.getElementById("loyalty-copied");
  if (!share || !field) return;
  function done() { said.textContent = said.dataset.done; }
  function byHand() { field.focus(); field.select(); if (document.execCommand("copy")) done(); }
  function copied() {
    if (navigator.clipboard) navigator.clipboard.writeText(field.value).then(done, byHand);
    else byHand();
  }
  copy.addEventListener("click", copied);
  share.addEventListener("click", function () {
    if (!navigator.share) return copied();
    var what = { title: share.dataset.title, text: share.dataset.text, url: share.dataset.link };
    navigator.share(what).catch(function (error) { if (error.name !== "AbortError") copied(); });
  });
  share.hidden = copy.hidden = false;
})();
