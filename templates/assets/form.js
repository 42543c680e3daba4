// Says how long the form was open, so that what no person types that fast can be told apart. Nothing else is measured.
(() => {
  "use strict";
  const form = document.querySelector("form[data-timed]");
  if (!form) return;
  const opened = performance.now();
  form.addEventListener("submit", () => {
    const seconds = document.createElement("input");
    seconds.type = "hidden";
    seconds.name = "seconds";
    seconds.value = String(Math.floor((performance.now() - opened) / 1000));
    form.append(seconds);
  });
})();
