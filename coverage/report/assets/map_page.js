/* The map page: panel, timeline, legend and popups over the layers that folium built.
   All text of a region, a municipality or a site comes from the data block and is shown by textContent. */
'use strict';

const mapPage = (function () {
  const data = JSON.parse(document.getElementById('map-data').textContent);
  const T = data.texts;
  const NUMBER = new Intl.NumberFormat(data.lang === 'en' ? 'en-GB' : 'ja-JP', { maximumFractionDigits: 0 });
  const ONE = new Intl.NumberFormat(data.lang === 'en' ? 'en-GB' : 'ja-JP', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const OUTSIDE = 254;
  const NO_DATA = 255;
  const PLAY_MS = 1400;

  const state = {
    year: data.years.length - 1,
    operator: 'any',
    surface: 'people',
    opacity: 0.85,
    shown: { areas: true, districts: !data.computable.any, sites: true, names: true, relief: true },
    status: { on: true, planned: true, off: false },
  };
  let map = null;
  let layers = null;
  let signal = null;
  let signs = null;
  const labels = [];

  /* ---------- small builders ---------- */

  function node(tag, attributes, children) {
    const element = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) {
      if (name === 'text') element.textContent = attributes[name];
      else if (name === 'class') element.className = attributes[name];
      else if (name.slice(0, 2) === 'on') element.addEventListener(name.slice(2), attributes[name]);
      else element.setAttribute(name, attributes[name]);
    });
    (children || []).forEach(function (child) { if (child) element.appendChild(child); });
    return element;
  }

  function fill(sentence, values) {
    return sentence.replace(/\{(\w+)\}/g, function (whole, name) {
      return name in values ? String(values[name]) : whole;
    });
  }

  function known(value) { return value !== null && value !== undefined; }

  function people(value) { return known(value) ? fill(T['unit.people'], { n: NUMBER.format(Math.round(value)) }) : '—'; }

  function percent(share) {
    if (!known(share)) return '—';
    /* Never round an incomplete coverage up to 100 %. */
    const hundredths = share >= 1 ? 10000 : Math.min(9999, Math.round(share * 10000));
    return (hundredths / 100).toFixed(2) + ' %';
  }

  function facts(title, rows, note) {
    const table = node('table');
    rows.forEach(function (row) {
      if (!row || !known(row[1]) || row[1] === '') return;
      table.appendChild(node('tr', {}, [node('th', { scope: 'row', text: row[0] }), node('td', { text: row[1] })]));
    });
    return node('div', { class: 'facts' }, [
      node('h3', { text: title }), table, note ? node('p', { class: 'note', text: note }) : null,
    ]);
  }

  /* ---------- values ---------- */

  function valuesOf(code) {
    const place = data.places[code];
    return place && place.by[state.operator] ? place.by[state.operator][state.year] : null;
  }

  /* folium's features carry a number only; what they are stands in the data block. */
  function propertiesOf(layer, feature) { return data.layers[layer][feature.properties.i]; }

  function isComputable() { return data.computable[state.operator]; }

  function stepOf(value) {
    let step = 0;
    while (step < data.breaks.length && value >= data.breaks[step]) step += 1;
    return step;
  }

  function municipalityStyle(feature) {
    const outline = { color: '#3c4a55', weight: 1.1, opacity: 0.9, fillOpacity: 0 };
    if (state.surface !== 'people') return outline;
    const v = valuesOf(propertiesOf('municipalities', feature).code);
    if (!isComputable() || !v || !known(v.unserved)) {
      return Object.assign(outline, { fillColor: 'url(#hatch)', fillOpacity: state.opacity });
    }
    return Object.assign(outline, { fillColor: data.ramp[stepOf(v.unserved)], fillOpacity: state.opacity });
  }

  /* ---------- popups ---------- */

  function municipalityFacts(code) {
    const place = data.places[code];
    const v = valuesOf(code) || {};
    const computable = isComputable();
    const who = state.operator === 'any' ? T['operator.any'] : operatorOf(state.operator).name;
    const unserved = computable ? people(v.unserved) + (data.estimated ? T['estimated.suffix'] : '') : T['not_computable.short'];
    return facts(place.name, [
      [T['popup.year'], data.yearLabels[state.year]],
      [T['popup.operator'], who],
      [T['popup.population'], people(v.population) + (data.estimated ? T['estimated.suffix'] : '')],
      [T['popup.unserved'], unserved],
      [T['popup.coverage'], computable ? percent(v.coverage) : T['not_computable.short']],
      known(v.unserved_km2) && computable ? [T['popup.unserved_area'], ONE.format(v.unserved_km2) + ' km²'] : null,
      known(v.shelters) && computable ? [T['popup.shelters'], NUMBER.format(v.unserved_shelters) + ' / ' + NUMBER.format(v.shelters)] : null,
      known(v.registered) ? [T['popup.registered'], fill(T['unit.districts'], { n: v.registered }) + '・' + people(v.register_people)] : null,
      known(v.sites) ? [T['popup.sites'], fill(T['unit.sites'], { n: NUMBER.format(v.sites) })] : null,
    ], computable ? '' : data.reason);
  }

  function areaFacts(p) {
    return facts(p.near ? fill(T['popup.area_near'], { name: p.near }) : T['popup.area'], [
      [T['popup.municipality'], data.places[p.code] ? data.places[p.code].name : p.code],
      [T['popup.people'], people(p.people) + (data.estimated ? T['estimated.suffix'] : '')],
      known(p.households) ? [T['popup.households'], fill(T['unit.households'], { n: NUMBER.format(p.households) })] : null,
      known(p.km2) ? [T['popup.area_size'], ONE.format(p.km2) + ' km²'] : null,
      p.districts ? [T['popup.districts'], p.districts] : null,
    ]);
  }

  function districtFacts(p) {
    return facts(p.name, [
      [T['popup.municipality'], data.places[p.code] ? data.places[p.code].name : p.code],
      known(p.people) ? [T['popup.people'], people(p.people)] : null,
      known(p.households) ? [T['popup.households'], fill(T['unit.households'], { n: NUMBER.format(p.households) })] : null,
      [T['popup.designated'], p.designated],
      [T['popup.resolved'], p.resolved],
      p.declined ? [T['popup.declined'], T['popup.yes']] : null,
    ], T['popup.district_note']);
  }

  function operatorOf(id) {
    return data.operators.find(function (o) { return o.id === id; }) || { id: id, name: id, colour: '#444444', shape: 'circle' };
  }

  function siteFacts(site) {
    const rows = [
      [T['popup.site_id'], site.id],
      [T['popup.municipality'], site.code && data.places[site.code] ? data.places[site.code].name : site.code],
      [T['popup.status'], site.status],
    ];
    site.operators.forEach(function (o) {
      rows.push([operatorOf(o.id).name, o.since ? fill(T['popup.since'], { date: o.since }) : T['popup.not_on_air']]);
    });
    rows.push([T['popup.height'], known(site.height) ? site.height + ' m' : '']);
    rows.push([T['popup.planned'], site.planned || '']);
    rows.push([T['popup.counted'], known(site.counted) ? fill(T['popup.counted_in'], { year: site.countedLabel }) : '']);
    return facts(site.name || site.id, rows, site.verdict);
  }

  /* ---------- signal classes ---------- */

  /* An image overlay whose picture is painted here from a stack of years. */
  function signalLayer() {
    const canvas = document.createElement('canvas');
    const overlay = L.svgOverlay(canvas, data.frame, { pane: 'signal', interactive: false });
    const decoded = {};
    let wanted = null;

    function decode(id, then) {
      if (decoded[id]) { then(decoded[id]); return; }
      const image = new Image();
      image.onload = function () {
        const scratch = document.createElement('canvas');
        scratch.width = image.naturalWidth;
        scratch.height = image.naturalHeight;
        const ctx = scratch.getContext('2d', { willReadFrequently: true });
        ctx.drawImage(image, 0, 0);
        const bytes = ctx.getImageData(0, 0, scratch.width, scratch.height).data;
        const index = new Uint16Array(scratch.width * scratch.height);
        for (let i = 0; i < index.length; i += 1) index[i] = bytes[4 * i] + 256 * bytes[4 * i + 1];
        decoded[id] = { index: index, width: scratch.width, height: scratch.height };
        then(decoded[id]);
      };
      image.src = data.stacks[id].picture;
    }

    function colours(rows, year) {
      const table = new Uint32Array(rows.length);
      const out = new Uint8ClampedArray(table.buffer);
      rows.forEach(function (row, k) {
        const c = row[year];
        if (c === OUTSIDE) return;
        const rgba = c === NO_DATA ? [154, 154, 154, 255] : data.classes[c] ? data.classes[c].rgba : [0, 0, 0, 0];
        out.set(rgba, 4 * k);
      });
      return table;
    }

    function paint() {
      const id = data.stacks[state.operator] ? state.operator : 'any';
      const key = id + '/' + state.year;
      if (wanted === key) return;
      wanted = key;
      decode(id, function (stack) {
        if (wanted !== key) return;
        canvas.width = stack.width;
        canvas.height = stack.height;
        const table = colours(data.stacks[id].rows, state.year);
        const image = new ImageData(stack.width, stack.height);
        const pixels = new Uint32Array(image.data.buffer);
        for (let i = 0; i < pixels.length; i += 1) pixels[i] = table[stack.index[i]];
        canvas.getContext('2d').putImageData(image, 0, 0);
        document.body.setAttribute('data-signal', key);
      });
    }

    return { overlay: overlay, paint: paint, canvas: canvas };
  }

  /* ---------- sites ---------- */

  function siteStyle(site) {
    const year = data.years[state.year];
    const chosen = site.operators.filter(function (o) { return state.operator === 'any' || o.id === state.operator; });
    if (!chosen.length) return null;
    const on = chosen.filter(function (o) { return (o.on >> state.year) & 1; });
    const ended = site.phase === 'ended' && chosen.some(function (o) { return o.from !== null && o.from <= year; });
    let filling;
    if (on.length) filling = 'on';
    else if (ended) filling = 'off';
    else if (site.phase === 'planned') filling = 'planned';
    else return null;
    if (!state.status[filling]) return null;
    const owners = (on.length ? on : chosen).map(function (o) { return o.id; });
    const shared = owners.length > 1;
    const owner = shared ? data.shared : operatorOf(owners[0]);
    return {
      shape: owner.shape,
      colour: owner.colour,
      filling: filling,
      counted: known(site.counted) && site.counted <= year,
      radius: data.sites.length > 600 ? 4 : data.sites.length > 80 ? 4.6 : 5.2,
    };
  }

  /* ---------- drawing everything anew ---------- */

  function within(p) { return p.years.indexOf(data.years[state.year]) >= 0; }

  function redraw() {
    layers.municipalities.setStyle(municipalityStyle);
    layers.areas.eachLayer(function (layer) {
      const on = state.shown.areas && state.operator === 'any' && isComputable() && within(propertiesOf('areas', layer.feature));
      toggle(layer, on);
    });
    layers.districts.eachLayer(function (layer) {
      toggle(layer, state.shown.districts && within(propertiesOf('districts', layer.feature)));
    });
    if (state.surface === 'signal') {
      signal.paint();
      if (!map.hasLayer(signal.overlay)) signal.overlay.addTo(map);
      map.getPane('signal').style.opacity = state.opacity;
    } else if (map.hasLayer(signal.overlay)) signal.overlay.remove();
    map.getPane('relief').style.display = state.shown.relief ? '' : 'none';
    map.getPane('names').style.display = state.shown.names ? '' : 'none';
    signs.draw();
    headline();
    legend();
    map.closePopup();
  }

  function toggle(layer, on) {
    if (on && !map.hasLayer(layer)) map.addLayer(layer);
    if (!on && map.hasLayer(layer)) map.removeLayer(layer);
  }

  /* By status, so that the number in service is the one of the municipalities' table. */
  function siteCounts() {
    const counts = { on: 0, planned: 0, off: 0 };
    data.sites.map(siteStyle).forEach(function (style) { if (style) counts[style.filling] += 1; });
    return Object.keys(counts).filter(function (name) { return counts[name] || name === 'on'; }).map(function (name) {
      return T['status.' + name] + ' ' + fill(T['unit.sites'], { n: NUMBER.format(counts[name]) });
    }).join(' / ');
  }

  function headline() {
    const v = valuesOf(data.regionCode) || {};
    const box = document.getElementById('figures');
    box.textContent = '';
    function figure(label, value, kind) {
      box.appendChild(node('div', { class: 'figure ' + (kind || '') }, [
        node('span', { class: 'label', text: label }), node('strong', { text: value }),
      ]));
    }
    figure(T['headline.year'], data.yearLabels[state.year]);
    if (isComputable()) {
      figure(T['headline.unserved'] + (data.estimated ? T['estimated.suffix'] : ''), people(v.unserved), 'main');
      figure(T['headline.coverage'], percent(v.coverage));
    } else {
      figure(T['headline.unserved'], T['not_computable.full'], 'main warn');
      const all = data.places[data.regionCode].by.any[state.year];
      figure(T['headline.register'], fill(T['unit.districts'], { n: all.registered }) + '・' + people(all.register_people));
    }
    figure(T['headline.sites'], siteCounts(), 'minor');
  }

  /* ---------- legend ---------- */

  function colourKey(colour, text, kind) {
    const chip = node('span', { class: 'chip ' + (kind || '') });
    if (colour) chip.style.backgroundColor = colour;
    return node('li', {}, [chip, node('span', { text: text })]);
  }

  function signKey(style, text) {
    return node('li', {}, [siteLayer.swatch(style), node('span', { text: text })]);
  }

  function block(title, items) {
    return node('section', {}, [node('h3', { text: title }), node('ul', {}, items)]);
  }

  function legend() {
    const box = document.getElementById('legend');
    box.textContent = '';
    if (state.surface === 'people') {
      const items = isComputable() ? data.ramp.map(function (colour, i) {
        const from = i ? data.breaks[i - 1] : 0;
        const to = data.breaks[i];
        const text = known(to)
          ? (i === 0 ? fill(T['legend.below'], { n: NUMBER.format(to) }) : fill(T['legend.between'], { a: NUMBER.format(from), b: NUMBER.format(to) }))
          : fill(T['legend.from'], { n: NUMBER.format(from) });
        return colourKey(colour, text);
      }) : [colourKey('', T['not_computable.full'], 'hatched')];
      box.appendChild(block(T['legend.people'], items));
    }
    if (state.surface === 'signal') {
      const items = data.classes.map(function (c) { return colourKey(c.colour, c.name + '  ' + c.range); });
      items.push(colourKey('#9a9a9a', T['legend.no_data']));
      box.appendChild(block(T['legend.signal'], items));
    }
    const places = [];
    if (state.shown.areas && isComputable() && state.operator === 'any') places.push(colourKey('', T['legend.area'], 'area'));
    if (state.shown.districts) places.push(colourKey('', T['legend.district'], 'district'));
    places.push(colourKey('', T['legend.boundary'], 'boundary'));
    box.appendChild(block(T['legend.places'], places));
    if (state.shown.sites) {
      const radius = 5.2;
      const operators = data.operators
        .filter(function (o) { return state.operator === 'any' || o.id === state.operator; })
        .map(function (o) { return signKey({ shape: o.shape, colour: o.colour, filling: 'on', radius: radius }, o.name); });
      if (state.operator === 'any' && data.operators.length > 1) {
        operators.push(signKey({ shape: data.shared.shape, colour: data.shared.colour, filling: 'on', radius: radius }, T['legend.shared']));
      }
      box.appendChild(block(T['legend.operator'], operators));
      box.appendChild(block(T['legend.status'], [
        signKey({ shape: 'circle', colour: '#4a5661', filling: 'on', radius: radius }, T['status.on']),
        data.plans ? signKey({ shape: 'circle', colour: '#4a5661', filling: 'planned', radius: radius }, T['status.planned']) : null,
        state.status.off ? signKey({ shape: 'circle', colour: '#4a5661', filling: 'off', radius: radius }, T['status.off']) : null,
        signKey({ shape: 'circle', colour: '#4a5661', filling: 'on', counted: true, radius: radius }, T['legend.counted']),
      ]));
    }
  }

  /* ---------- panel and timeline ---------- */

  function choice(name, options, chosen, then) {
    const set = node('fieldset', { class: 'choice' }, [node('legend', { text: T['panel.' + name] })]);
    options.forEach(function (option) {
      const input = node('input', { type: 'radio', name: name, value: option[0], onchange: function () { then(option[0]); } });
      input.checked = option[0] === chosen;
      set.appendChild(node('label', {}, [input, node('span', { text: option[1] })]));
    });
    return set;
  }

  function checks(name, options, then) {
    const set = node('fieldset', { class: 'checks' }, [node('legend', { text: T['panel.' + name] })]);
    options.forEach(function (option) {
      const input = node('input', { type: 'checkbox', value: option[0], onchange: function () { then(option[0], input.checked); } });
      input.checked = option[2];
      set.appendChild(node('label', {}, [input, node('span', { text: option[1] })]));
    });
    return set;
  }

  function buildPanel() {
    const panel = document.getElementById('controls');
    panel.appendChild(choice('surface', [
      ['people', T['surface.people']], ['signal', T['surface.signal']], ['none', T['surface.none']],
    ], state.surface, function (value) { state.surface = value; redraw(); }));
    const opacity = node('input', {
      type: 'range', min: '0', max: '100', step: '5', value: String(state.opacity * 100), id: 'opacity',
      oninput: function () { state.opacity = Number(opacity.value) / 100; redraw(); },
    });
    panel.appendChild(node('div', { class: 'opacity' }, [node('label', { for: 'opacity', text: T['panel.opacity'] }), opacity]));
    panel.appendChild(choice('operator', [['any', T['operator.any']]].concat(data.operators.map(function (o) {
      return [o.id, o.name + (data.computable[o.id] ? '' : T['not_computable.mark'])];
    })), state.operator, function (value) { state.operator = value; redraw(); }));
    panel.appendChild(checks('layers', [
      ['areas', T['layer.areas'], state.shown.areas],
      ['districts', T['layer.districts'], state.shown.districts],
      ['sites', T['layer.sites'], state.shown.sites],
      ['names', T['layer.names'], state.shown.names],
      ['relief', T['layer.relief'], state.shown.relief],
    ], function (name, on) {
      state.shown[name] = on;
      if (name === 'sites') signs.show(on);
      redraw();
    }));
    panel.appendChild(checks('status', [
      ['on', T['status.on'], state.status.on],
      data.plans ? ['planned', T['status.planned'], state.status.planned] : null,
      ['off', T['status.off'], state.status.off],
    ].filter(Boolean), function (name, on) { state.status[name] = on; redraw(); }));
    const sources = document.getElementById('sources');
    data.credits.forEach(function (credit) { sources.appendChild(node('li', { text: credit })); });
    data.model.forEach(function (row) { sources.appendChild(node('li', { text: row })); });
    const toggleButton = document.getElementById('toggle');
    toggleButton.addEventListener('click', function () {
      const open = document.body.classList.toggle('panel-open');
      toggleButton.setAttribute('aria-expanded', String(open));
    });
  }

  function buildTimeline() {
    const slider = document.getElementById('year');
    const play = document.getElementById('play');
    const ticks = document.getElementById('ticks');
    let timer = null;
    slider.max = String(data.years.length - 1);
    slider.value = String(state.year);
    data.shortLabels.forEach(function (label, i) {
      ticks.appendChild(node('button', { type: 'button', tabindex: '-1', text: label, onclick: function () { stop(); setYear(i); } }));
    });
    function setYear(i) {
      state.year = i;
      slider.value = String(i);
      slider.setAttribute('aria-valuetext', data.yearLabels[i]);
      Array.prototype.forEach.call(ticks.children, function (b, k) { b.classList.toggle('now', k === i); });
      document.body.setAttribute('data-year', String(data.years[i]));
      redraw();
    }
    function stop() {
      if (timer !== null) clearInterval(timer);
      timer = null;
      play.textContent = '▶';
      play.setAttribute('aria-label', T['timeline.play']);
    }
    function start() {
      if (state.year === data.years.length - 1) setYear(0);
      play.textContent = '❚❚';
      play.setAttribute('aria-label', T['timeline.pause']);
      timer = setInterval(function () {
        if (state.year + 1 >= data.years.length) { stop(); return; }
        setYear(state.year + 1);
        if (state.year === data.years.length - 1) stop();
      }, PLAY_MS);
    }
    slider.addEventListener('input', function () { stop(); setYear(Number(slider.value)); });
    play.addEventListener('click', function () { if (timer === null) start(); else stop(); });
    document.addEventListener('keydown', function (event) {
      const free = event.target === document.body || event.target.classList.contains('folium-map');
      if (!free || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === ' ') { event.preventDefault(); play.click(); }
      if (event.key === '[' && state.year > 0) { stop(); setYear(state.year - 1); }
      if (event.key === ']' && state.year + 1 < data.years.length) { stop(); setYear(state.year + 1); }
    });
    if (data.years.length < 2) { play.hidden = true; slider.disabled = true; }
    stop();
    setYear(state.year);
  }

  /* Names of municipalities; those that would overlap an earlier (larger) one are hidden at this zoom. */
  function placeNames() {
    const taken = [];
    labels.forEach(function (label) {
      const element = label.getElement();
      if (!element) return;
      element.style.visibility = '';
      const box = element.getBoundingClientRect();
      const hit = taken.some(function (t) {
        return box.left < t.right + 4 && box.right > t.left - 4 && box.top < t.bottom + 1 && box.bottom > t.top - 1;
      });
      element.style.visibility = hit ? 'hidden' : '';
      if (!hit) taken.push(box);
    });
  }

  /* One click opens one thing: a site if one is near, else the outline that was hit. */
  function opens(layer, content) {
    layer.on('click', function (event) {
      L.DomEvent.stopPropagation(event);
      if (!signs.openAt(event.latlng)) L.popup({ maxWidth: 320 }).setLatLng(event.latlng).setContent(content()).openOn(map);
    });
  }

  function start(built) {
    map = built.map;
    map.on('click', function (event) { signs.openAt(event.latlng); });
    layers = built;
    map.attributionControl.setPrefix(false);
    map.getContainer().style.backgroundColor = data.around;
    L.rectangle(data.frame, { pane: 'paper', stroke: false, fillColor: '#ffffff', fillOpacity: 1, interactive: false }).addTo(map);
    L.control.scale({ imperial: false, position: 'bottomleft' }).addTo(map);
    Object.keys(data.places).forEach(function (code) {
      const place = data.places[code];
      if (!place.at) return;
      labels.push(L.tooltip({ permanent: true, direction: 'center', className: 'place', pane: 'names', interactive: false })
        .setLatLng(place.at).setContent(node('span', { text: place.short })).addTo(map));
    });
    signal = signalLayer();
    signs = siteLayer.create(map, data.sites, siteStyle, siteFacts);
    buildPanel();
    buildTimeline();
    function fit() {
      const banner = document.getElementById('banner');
      if (banner) document.body.style.setProperty('--strip', banner.offsetHeight + 'px');
      map.invalidateSize();
      map.fitBounds(data.view, { padding: [8, 8] });
      placeNames();
    }
    fit();
    map.on('zoomend', placeNames);
    window.addEventListener('beforeprint', fit);
    window.addEventListener('resize', fit);
    document.body.setAttribute('data-ready', 'true');
  }

  /* Handed to folium's GeoJson as constants. */
  return {
    start: start,
    municipalityStyle: municipalityStyle,
    areaStyle: function () {
      return { color: '#6d1f5b', weight: 1.4, opacity: 0.95, fillColor: 'url(#area)', fillOpacity: 0.9 };
    },
    districtStyle: function () {
      return { color: '#16324a', weight: 1.6, dashArray: '4 3', fillColor: '#16324a', fillOpacity: 0.08 };
    },
    districtPoint: function (feature, at) { return L.circleMarker(at, { pane: 'districts', radius: 8 }); },
    onMunicipality: function (feature, layer) {
      opens(layer, function () { return municipalityFacts(propertiesOf('municipalities', feature).code); });
    },
    onArea: function (feature, layer) {
      opens(layer, function () { return areaFacts(propertiesOf('areas', feature)); });
    },
    onDistrict: function (feature, layer) {
      opens(layer, function () { return districtFacts(propertiesOf('districts', feature)); });
    },
  };
})();
