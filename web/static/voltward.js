// Decoration only: when something moves in the fleet, the page's live regions are fetched again and swapped.
"use strict";
(() => {
  const regions = () => [...document.querySelectorAll("[data-live]")];
  if (!regions().length || !window.EventSource) return;

  // The alarms' badge stands on every page: it alone is no reason to look when a station moves.
  const ofFleet = regions().some(({ dataset }) => !("liveAlarms" in dataset || "liveFirmware" in dataset));
  const ofFirmware = regions().some((region) => "liveFirmware" in region.dataset);
  const station = regions().map((region) => region.dataset.liveStation).find(Boolean);
  const told = document.querySelector("[data-live-state]");
  let waiting = false;
  let missed = false;

  const say = (text) => {
    told.hidden = false;
    told.textContent = " " + text;
  };

  // Nobody's half-typed reason is taken away.
  const isFilledIn = (region) => region.contains(document.activeElement) && document.activeElement.matches("input, select");

  const swap = (fresh) => {
    for (const region of regions()) {
      const next = fresh.getElementById(region.id);
      if (!next || next.innerHTML === region.innerHTML || isFilledIn(region)) continue;
      for (const open of region.querySelectorAll("details[open][id]")) {
        next.querySelector("#" + CSS.escape(open.id))?.setAttribute("open", "");
      }
      region.replaceWith(document.adoptNode(next));
    }
  };

  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) return location.reload();
    if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
  };

  // At most one look a second, however fast the fleet moves, and none while nobody looks.
  const soon = () => {
    if (document.hidden) return void (missed = true);
    if (waiting) return;
    waiting = true;
    setTimeout(async () => {
      waiting = false;
      try { await refresh(); } catch { say("Connection lost; trying again."); }
    }, 1000);
  };

  const concerns = (event, key) =>
    ofFleet && (!station || JSON.parse(event.data).some((thing) => thing[key] === station));

  const source = new EventSource("/api/v1/stream");
  let opened = false;
  source.addEventListener("open", () => { say("Live."); if (opened) soon(); opened = true; });
  source.addEventListener("error", () => say("Connection lost; trying again."));
  source.addEventListener("stations", (event) => { if (concerns(event, "id")) soon(); });
  source.addEventListener("walks", (event) => { if (concerns(event, "station")) soon(); });
  source.addEventListener("renewals", (event) => { if (concerns(event, "station")) soon(); });
  source.addEventListener("campaigns", () => { if (ofFleet && !station) soon(); });
  source.addEventListener("firmware", () => { if (ofFirmware) soon(); });
  source.addEventListener("alarms", soon);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && missed) { missed = false; soon(); }
  });
})();
