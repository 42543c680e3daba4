// Answers with what was kept of the door's page while there is no network. It keeps nothing else.
"use strict";
const KEPT = "muster-door";
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const isDoor = /^\/console\/events\/[^/]+\/door$/.test(url.pathname);
  const isPart = url.pathname.startsWith("/assets/");
  if (event.request.method !== "GET" || url.origin !== location.origin || !(isDoor || isPart)) return;
  const answer = async () => {
    try {
      return await fetch(event.request);
    } catch (error) {
      const kept = await (await caches.open(KEPT)).match(url.pathname);
      if (kept) return kept;
      throw error;
    }
  };
  event.respondWith(answer());
});
