// Shows the published number as it moves. Without this script the page shows it as it was when it was loaded.
(() => {
  "use strict";
  const box = document.querySelector("[data-live]");
  if (!box) return;
  const text = box.querySelector("[data-live-text]");
  const meter = box.querySelector("progress");
  const show = (data) => {
    text.textContent = data.text;
    if (meter) meter.value = data.percent;
  };
  const poll = async () => {
    try {
      const answer = await fetch(box.dataset.live, { headers: { accept: "application/json" } });
      if (answer.ok) show(await answer.json());
    } catch {
      // the next round may have more luck
    }
  };
  const pollFromNow = () => setInterval(() => { if (!document.hidden) poll(); }, 30000);
  if (!window.EventSource) {
    pollFromNow();
    return;
  }
  const source = new EventSource(box.dataset.live);
  source.addEventListener("count", (event) => show(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    // closed for good (too many streams, a proxy that buffers): ask now and then instead
    if (source.readyState === EventSource.CLOSED) pollFromNow();
  });
})();
