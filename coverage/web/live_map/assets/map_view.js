/* One Leaflet map of a run: surfaces, outlines, sites, marks. It knows layers and years; words and panels are elsewhere. */
import L from './leaflet.js';
import { siteLayer } from './map_sites.js';
import { signalLayer } from './signal.js';
import { known } from './words.js';

const PANES = {
  signal: 250, population: 260, land: 300, relief: 320, newly: 330, areas: 340, districts: 360, sites: 450, challenges: 500, names: 640,
};
const EASE = window.matchMedia('(prefers-reduced-motion: reduce)').matches ? { animate: false } : {};

/* doc: base.json; outlines: layers.json; sites: sites.json. hooks: click(latlng), site(site), municipality names by code. */
export function mapView(element, base, doc, outlines, sites, hooks) {
  const state = {
    year: doc.years.length - 1,
    operator: 'any',
    surface: 'people',
    shown: { areas: true, districts: !doc.computable.any, sites: true, challenges: false, names: true, relief: true },
    opacity: { surface: 0.85, areas: 1, districts: 1, sites: 1, challenges: 1 },
    status: { on: true, planned: true, off: false },
  };
  const map = L.map(element, {
    zoomSnap: 0.25, minZoom: 7, maxZoom: 17, maxBounds: wider(doc.frame), maxBoundsViscosity: 0.8, attributionControl: false,
    zoomControl: false, ...(EASE.animate === false ? { zoomAnimation: false, fadeAnimation: false } : {}),
  });
  Object.entries(PANES).forEach(([name, z]) => { map.createPane(name).style.zIndex = z; });
  L.control.zoom({ position: 'topleft', zoomInTitle: hooks.say('map.zoom_in'), zoomOutTitle: hooks.say('map.zoom_out') }).addTo(map);
  L.control.scale({ imperial: false, maxWidth: 120 }).addTo(map);
  element.style.backgroundColor = doc.around;

  /* ---------- outlines ---------- */
  const of = (layer, feature) => outlines[layer].properties[feature.properties.i];
  const within = (p) => p.years.includes(doc.years[state.year]);
  const valuesOf = (code) => {
    const place = doc.places[code];
    return place && place.by[state.operator] ? place.by[state.operator][state.year] : null;
  };
  function stepOf(value) {
    let step = 0;
    while (step < doc.breaks.length && value >= doc.breaks[step]) step += 1;
    return step;
  }
  function landStyle(feature) {
    const line = { color: '#3c4a55', weight: 1.1, opacity: 0.9, fillOpacity: 0 };
    if (state.surface !== 'people') return line;
    const v = valuesOf(of('municipalities', feature).code);
    if (!doc.computable[state.operator] || !v || !known(v.unserved)) {
      return { ...line, fillColor: 'url(#live-hatch)', fillOpacity: state.opacity.surface };
    }
    return { ...line, fillColor: doc.ramp[stepOf(v.unserved)], fillOpacity: state.opacity.surface };
  }
  const land = L.geoJSON(outlines.municipalities.shapes, { pane: 'land', interactive: false, style: landStyle, smoothFactor: 0.8 }).addTo(map);
  const areas = L.geoJSON(outlines.areas.shapes, {
    pane: 'areas', interactive: false, smoothFactor: 0.8,
    style: () => ({ color: '#6d1f5b', weight: 1.4, fillColor: 'url(#live-area)', fillOpacity: 1 }),
  });
  const districtLook = { color: '#16324a', weight: 1.6, dashArray: '4 3', fillColor: '#16324a', fillOpacity: 0.08 };
  const districts = L.geoJSON(outlines.districts.shapes, {
    pane: 'districts', interactive: false, style: () => districtLook,
    pointToLayer: (_, at) => L.circleMarker(at, { ...districtLook, radius: 8, pane: 'districts', interactive: false }),
  });
  const names = Object.values(doc.places).filter((place) => place.at).map((place) => {
    const word = document.createElement('span');
    word.textContent = place.short;
    return L.tooltip({ permanent: true, direction: 'center', className: 'place', pane: 'names', interactive: false, opacity: 1 })
      .setLatLng(place.at).setContent(word).addTo(map);
  });

  /* ---------- pictures ---------- */
  L.imageOverlay(`${base}/relief.webp`, doc.frame, { pane: 'relief', interactive: false }).addTo(map);
  const signal = signalLayer(base, doc, 'signal');
  let population = null;
  let newly = null;

  /* ---------- sites ---------- */
  const operatorOf = (id) => doc.operators.find((o) => o.id === id) || { id, name: id, colour: '#444444', shape: 'circle' };
  function siteStyle(site) {
    const year = doc.years[state.year];
    const chosen = site.operators.filter((o) => state.operator === 'any' || o.id === state.operator);
    if (!chosen.length) return null;
    const on = chosen.filter((o) => (o.on >> state.year) & 1);
    const ended = site.phase === 'ended' && chosen.some((o) => o.from !== null && o.from <= year);
    let filling;
    if (on.length) filling = 'on';
    else if (ended) filling = 'off';
    else if (site.phase === 'planned') filling = 'planned';
    else return null;
    if (!state.status[filling]) return null;
    const owners = (on.length ? on : chosen).map((o) => o.id);
    const owner = owners.length > 1 ? doc.shared : operatorOf(owners[0]);
    return {
      shape: owner.shape, colour: owner.colour, filling,
      counted: known(site.counted) && site.counted <= year,
      radius: sites.sites.length > 600 ? 4 : sites.sites.length > 80 ? 4.6 : 5.2,
    };
  }
  /* The printed map opens a popup; here what a site is goes into the panel. */
  const signs = siteLayer.create(map, sites.sites, siteStyle, (site) => { hooks.site(site); return null; });

  /* ---------- marks ---------- */
  const mark = L.layerGroup().addTo(map);
  const challenges = L.layerGroup();
  function sign(className, text) {
    const element = document.createElement('span');
    element.textContent = text;
    return L.divIcon({ className, html: element, iconSize: [26, 26], iconAnchor: [13, 13] });
  }

  map.on('click', (event) => {
    if (state.shown.sites && signs.openAt(event.latlng)) return;
    hooks.click(event.latlng);
  });
  element.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && event.target === element) {
      event.preventDefault();
      hooks.click(map.getCenter());
    }
  });

  function toggle(layer, on) {
    if (on && !map.hasLayer(layer)) map.addLayer(layer);
    if (!on && map.hasLayer(layer)) map.removeLayer(layer);
  }

  async function redraw() {
    land.setStyle(landStyle);
    const computed = state.operator === 'any' && doc.computable.any;
    areas.eachLayer((layer) => toggle(layer, state.shown.areas && computed && within(of('areas', layer.feature))));
    districts.eachLayer((layer) => toggle(layer, state.shown.districts && within(of('districts', layer.feature))));
    toggle(challenges, state.shown.challenges);
    ['areas', 'districts', 'sites', 'challenges'].forEach((name) => { map.getPane(name).style.opacity = state.opacity[name]; });
    map.getPane('relief').style.display = state.shown.relief ? '' : 'none';
    map.getPane('names').style.display = state.shown.names ? '' : 'none';
    signs.show(state.shown.sites);
    if (state.surface === 'population' && !population) {
      population = L.imageOverlay(`${base}/population.png`, doc.frame, { pane: 'population', interactive: false, className: 'pixels' });
      population.on('error', () => hooks.problem('population'));
    }
    if (population) toggle(population, state.surface === 'population');
    map.getPane('population').style.opacity = state.opacity.surface;
    map.getPane('signal').style.opacity = state.opacity.surface;
    toggle(signal.overlay, state.surface === 'signal');
    if (state.surface === 'signal') {
      hooks.busy(true);
      try { await signal.paint(state.operator, state.year); } catch { hooks.problem('signal'); }
      hooks.busy(false);
    }
  }

  map.fitBounds(doc.view, { animate: false, padding: [6, 6] });

  return {
    map,
    state,
    operatorOf,
    valuesOf,
    /* How many are drawn by status: those in service are the ones that the table of municipalities counts. */
    shownSites: () => {
      const counts = { on: 0, planned: 0, off: 0 };
      for (const style of sites.sites.map(siteStyle)) if (style) counts[style.filling] += 1;
      return counts;
    },
    redraw,
    resized: () => map.invalidateSize({ animate: false }),
    whole: () => map.fitBounds(doc.view, { ...EASE, padding: [6, 6] }),
    go: (at, zoom) => map.setView(at, Math.max(map.getZoom(), zoom || 13), EASE),
    fit: (bounds) => map.fitBounds(bounds, { ...EASE, padding: [24, 24], maxZoom: 14 }),
    focusPlace: (code) => {
      const found = land.getLayers().find((layer) => of('municipalities', layer.feature).code === code);
      if (found) map.fitBounds(found.getBounds(), { ...EASE, padding: [16, 16] });
    },
    outline: (bounds) => {
      mark.clearLayers();
      L.rectangle(bounds, { pane: 'challenges', color: '#0b5a83', weight: 2, dashArray: '5 4', fill: false, interactive: false }).addTo(mark);
    },
    point: (at, server) => {
      mark.clearLayers();
      if (server) {
        L.polyline([at, server], { pane: 'challenges', color: '#ffffff', weight: 5, opacity: 0.9, interactive: false }).addTo(mark);
        L.polyline([at, server], { pane: 'challenges', color: '#0b5a83', weight: 2, dashArray: '7 4', interactive: false }).addTo(mark);
      }
      L.marker(at, { icon: sign('point-mark', '＋'), keyboard: false, interactive: false, pane: 'challenges' }).addTo(mark);
    },
    clearPoint: () => mark.clearLayers(),
    setChallenges: (items, letter, chosen) => {
      challenges.clearLayers();
      items.forEach((item) => {
        L.marker([item.lat, item.lon], { icon: sign('challenge-mark', letter), title: item.id, alt: item.id, pane: 'challenges' })
          .on('click', () => chosen(item)).addTo(challenges);
      });
    },
    setNewly: (address) => {
      if (newly) { newly.remove(); newly = null; }
      if (address) newly = L.imageOverlay(address, doc.frame, { pane: 'newly', interactive: false, className: 'pixels' }).addTo(map);
    },
    setPlanned: (sites) => {
      sites.forEach((site, i) => {
        L.marker([site.lat, site.lon], { icon: sign('plan-mark', String(i + 1)), keyboard: false, interactive: false, pane: 'challenges' }).addTo(map);
      });
    },
    close: () => { names.length = 0; map.remove(); },
  };
}

/* Two views that move together. */
export function linked(views) {
  let leading = false;
  views.forEach((view, i) => {
    view.map.on('move', () => {
      if (leading) return;
      leading = true;
      views.forEach((other, k) => {
        if (k !== i) other.map.setView(view.map.getCenter(), view.map.getZoom(), { animate: false });
      });
      leading = false;
    });
  });
}

function wider([[south, west], [north, east]]) {
  const dy = (north - south) / 2;
  const dx = (east - west) / 2;
  return [[south - dy, west - dx], [north + dy, east + dx]];
}
