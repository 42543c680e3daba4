// Solves the ALTCHA (v1, SHA-256) puzzle of a form, so that a person on a busy day need not wait.
// Without this script the form works too: one waits and presses the button again.
(() => {
  "use strict";
  const box = document.querySelector("[data-challenge]");
  // crypto.subtle is missing outside https: then the waiting text simply stays.
  if (!box || !window.crypto || !window.crypto.subtle) return;
  const form = box.closest("form");
  const text = box.querySelector("[data-challenge-text]");
  const bar = box.querySelector("[data-challenge-progress]");
  const out = box.querySelector('input[name="altcha"]');
  const waiting = text.textContent;
  let puzzle;
  try {
    puzzle = JSON.parse(box.dataset.challenge);
  } catch {
    return;
  }
  if (puzzle.algorithm !== "SHA-256") return;
  const max = Number(puzzle.maxnumber ?? puzzle.maxNumber ?? 1000000);
  const encoder = new TextEncoder();
  const target = String(puzzle.challenge).toLowerCase();
  let sendWhenDone = false;
  let working = true;

  const digest = async (n) => {
    const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(puzzle.salt + n)));
    let hex = "";
    for (const b of bytes) hex += b.toString(16).padStart(2, "0");
    return hex;
  };

  // Many digests in flight at once, then a breath, so that the page stays responsive.
  const solve = async () => {
    const chunk = 500;
    for (let from = 0; from <= max; from += chunk) {
      const size = Math.min(chunk, max - from + 1);
      const found = (await Promise.all(Array.from({ length: size }, (_, i) => digest(from + i)))).indexOf(target);
      if (found >= 0) return from + found;
      bar.value = Math.round((100 * from) / max);
      await new Promise((resume) => setTimeout(resume, 0));
    }
    return null;
  };

  form.addEventListener("submit", (event) => {
    if (!working) return;
    event.preventDefault();
    sendWhenDone = true;
  });

  text.textContent = box.dataset.working;
  bar.hidden = false;
  solve()
    .catch(() => null)
    .then((number) => {
      working = false;
      bar.hidden = true;
      if (number === null) {
        text.textContent = waiting;
        return;
      }
      const { algorithm, challenge, salt, signature } = puzzle;
      out.value = btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
      text.textContent = box.dataset.done;
      if (sendWhenDone) form.requestSubmit();
    });
})();
