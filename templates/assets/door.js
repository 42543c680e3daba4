// The door of an event, on a phone that may have no network. It keeps hashes of the tickets, what was shown and what was counted
// in this browser, also when the tab is closed, and sends all of it whenever it can: nothing counts twice.
(() => {
  "use strict";
  const page = document.querySelector("[data-door]");
  if (!page) return;
  const event = page.dataset.door;
  const path = location.pathname;
  const key = `muster-door-${event}`;
  const part = (name) => page.querySelector(`[data-${name}]`);
  const said = (name) => page.dataset[name];

  const fresh = () => ({ device: crypto.randomUUID(), tickets: {}, shown: [], unsent: [], walkIns: 0, walkInsSent: 0, others: 0, elsewhere: 0 });
  const read = () => {
    try {
      return { ...fresh(), ...JSON.parse(localStorage.getItem(key)) };
    } catch {
      return fresh();
    }
  };
  let state = read();
  const keep = () => localStorage.setItem(key, JSON.stringify(state));
  keep();

  const tell = (text, good) => {
    const status = part("status");
    status.textContent = text;
    status.classList.toggle("error", good === false);
  };
  const show = () => {
    const shown = new Set(state.shown);
    const people = Object.entries(state.tickets).filter(([hash]) => shown.has(hash)).reduce((sum, [, size]) => sum + size, 0);
    part("checked-in").textContent = people;
    part("walk-ins").textContent = state.walkIns + state.others;
    part("present").textContent = people + state.walkIns + state.others;
    part("own").textContent = state.walkIns;
    const waiting = state.unsent.length + (state.walkIns === state.walkInsSent ? 0 : 1);
    part("waiting").textContent = waiting ? said("waitingText") : said("sentText");
    part("waiting").dataset.count = waiting;
  };

  // what the server says: which tickets there are, what other devices have done
  const take = (answer) => {
    const shown = new Set(state.unsent);
    state.tickets = {};
    for (const ticket of answer.tickets) {
      state.tickets[ticket.hash] = ticket.party_size;
      if (ticket.checked_in) shown.add(ticket.hash);
    }
    state.shown = [...shown];
    state.others = answer.walk_ins - state.walkInsSent;
    keep();
    show();
  };

  let csrf = "";
  let sending = false;
  const exchange = async () => {
    if (sending) return;
    sending = true;
    try {
      const door = await fetch(`${path}.json`, { headers: { accept: "application/json" }, redirect: "error" });
      if (!door.ok) throw new Error("refused");
      csrf = (await door.json()).csrf;
      const tickets = state.unsent.slice(0, 500);
      const walkIns = state.walkIns;
      const data = JSON.stringify({ device: state.device, tickets, walk_ins: walkIns });
      const answer = await fetch(path, { method: "POST", body: new URLSearchParams({ csrf, data }), redirect: "error" });
      if (!answer.ok) throw new Error("refused");
      const body = await answer.json();
      state = { ...read(), walkInsSent: walkIns };
      state.unsent = state.unsent.filter((hash) => !tickets.includes(hash));
      take(body);
      part("offline").hidden = true;
    } catch {
      part("offline").hidden = false;
    } finally {
      sending = false;
    }
    if (state.unsent.length && part("offline").hidden) exchange();
  };

  const hashOf = async (code) => {
    const plain = code.toLowerCase().replace(/[^a-z0-9]/g, "").replace(/0/g, "o").replace(/1/g, "l").replace(/8/g, "b");
    const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`muster-ticket:${event}:${plain}`));
    return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, 32);
  };
  const check = async (code) => {
    const hash = await hashOf(code);
    state = read();
    const people = state.tickets[hash];
    if (!people) return tell(said("unknownText"), false);
    if (state.shown.includes(hash)) return tell(said("beforeText"), false);
    state.shown.push(hash);
    state.unsent.push(hash);
    keep();
    show();
    tell(said("welcomeText").replace("%", people), true);
    exchange();
  };

  part("form")?.addEventListener("submit", (submitted) => {
    submitted.preventDefault();
    const field = part("code");
    if (field.value.trim()) check(field.value);
    field.value = "";
    field.focus();
  });
  for (const [name, by] of [["more", 1], ["less", -1]]) {
    part(name).addEventListener("click", () => {
      state = read();
      state.walkIns = Math.max(0, state.walkIns + by);
      keep();
      show();
      exchange();
    });
  }

  // the camera, where the browser reads codes by itself
  const camera = part("camera");
  if (camera && "BarcodeDetector" in window && navigator.mediaDevices) {
    camera.hidden = false;
    camera.addEventListener("click", async () => {
      const video = part("video");
      try {
        video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      } catch {
        return tell(said("cameraText"), false);
      }
      video.hidden = false;
      await video.play();
      const detector = new BarcodeDetector({ formats: ["qr_code"] });
      let last = "";
      const look = async () => {
        const found = await detector.detect(video).catch(() => []);
        const code = found[0]?.rawValue || "";
        if (code && code !== last) await check(code);
        if (code) last = code;
        setTimeout(look, 250);
      };
      look();
    });
  }

  // the page itself, for when the tab is opened again without a network
  const worker = async () => {
    if (!("serviceWorker" in navigator)) return;
    await navigator.serviceWorker.register("/console/door-worker.js", { scope: "/console/" });
    const parts = [...document.querySelectorAll("link[rel=stylesheet], script[src]")].map((part) => part.href || part.src);
    const cache = await caches.open("muster-door");
    await cache.addAll([path, ...parts]);
    page.dataset.kept = "true";
  };
  worker().catch(() => {});
  show();
  exchange();
  window.addEventListener("online", exchange);
  setInterval(exchange, 20000);
})();
