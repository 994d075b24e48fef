/* A typo in a friend's code is told while typed. Without this file it is told when the form was sent. */
(function () {
  var field = document.getElementById("loyalty-code"), said = document.getElementById("loyalty-code-error");
  if (!field || !said) return;
  var consonants = field.dataset.consonants, vowels = field.dataset.vowels, weights = field.dataset.weights.split(",");
  function plain() { return field.value.trim().replace(/^.*\/([^\/?#]+)\/?([?#].*)?$/, "$1").normalize("NFKC").toLowerCase().replace(/[ \-\u2010\u2013]/g, ""); }
  function isCode(text) {
    var total = 0;
    if (text.length !== weights.length + 1) return false;
    for (var place = 0; place < weights.length; place++) {
      var number = (place % 2 ? vowels : consonants).indexOf(text[place]);
      if (number < 0) return false;
      total += weights[place] * number;
    }
    return consonants[total % consonants.length] === text[weights.length];
  }
  function look(isDone) {
    var text = plain(), isWrong = text !== "" && (isDone || text.length > weights.length) && !isCode(text);
    field.classList.toggle("is-invalid", isWrong);
    field.setAttribute("aria-invalid", isWrong);
    field.setCustomValidity(isWrong ? field.dataset.typo : "");
    if (said.textContent !== (isWrong ? field.dataset.typo : "")) said.textContent = isWrong ? field.dataset.typo : "";
  }
  field.addEventListener("input", function () { look(false); });
  field.addEventListener("blur", function () { look(true); });
})();
