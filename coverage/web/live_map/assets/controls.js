/* Layers, operator, legend and years: the controls beside and below the map. */
import { node } from './words.js';
import { siteLayer } from './map_sites.js';
import { NO_DATA_COLOUR } from './signal.js';

const PLAY_MS = 1400;
let serial = 0;

function radio(name, value, text, checked, change) {
  return node('label', {}, [
    node('input', { type: 'radio', name, value, checked, onchange: () => change(value) }),
    node('span', { text }),
  ]);
}

/* doc: base.json; views: the maps that follow; changed: called after every change. */
export function controls(doc, words, views, options, changed) {
  const own = `live-${serial += 1}`;
  const state = views[0].state;
  const apply = (work) => { views.forEach((view) => work(view.state)); changed(); };
  const surfaces = ['people', ...(doc.signals.length ? ['signal'] : []), 'population', 'none'];
  const slider = (name) => node('input', {
    type: 'range', min: '10', max: '100', step: '5', value: String(Math.round(state.opacity[name] * 100)), class: 'opacity',
    'aria-label': words.say('side.opacity_of', { layer: words.say(name === 'surface' ? 'panel.surface' : `layer.${name}`) }),
    oninput: (event) => apply((s) => { s.opacity[name] = Number(event.target.value) / 100; }),
  });
  const rows = ['areas', 'districts', 'sites', ...(options.challenges ? ['challenges'] : []), 'names', 'relief'].map((name) => node('div', { class: 'layer' }, [
    node('label', {}, [
      node('input', { type: 'checkbox', value: name, checked: state.shown[name], onchange: (event) => apply((s) => { s.shown[name] = event.target.checked; }) }),
      node('span', { text: words.say(`layer.${name}`) }),
    ]),
    name in state.opacity ? slider(name) : null,
  ]));
  const status = ['on', ...(options.plans ? ['planned'] : []), 'off'].map((name) => node('label', {}, [
    node('input', { type: 'checkbox', value: name, checked: state.status[name], onchange: (event) => apply((s) => { s.status[name] = event.target.checked; }) }),
    node('span', { text: words.say(`status.${name}`) }),
  ]));
  const box = node('div', { class: 'controls' }, [
    node('fieldset', {}, [
      node('legend', { text: words.say('panel.surface') }),
      ...surfaces.map((value) => radio(`${own}-surface`, value, words.say(`surface.${value}`), state.surface === value, (v) => apply((s) => { s.surface = v; }))),
      slider('surface'),
    ]),
    node('fieldset', {}, [
      node('legend', { text: words.say('panel.operator') }),
      ...[{ id: 'any', name: words.say('operator.any') }, ...doc.operators].map((o) => radio(
        `${own}-operator`, o.id, o.name + (doc.computable[o.id] ? '' : words.say('not_computable.mark')), state.operator === o.id,
        (v) => apply((s) => { s.operator = v; }),
      )),
    ]),
    node('fieldset', {}, [node('legend', { text: words.say('panel.layers') }), ...rows]),
    node('fieldset', {}, [node('legend', { text: words.say('panel.status') }), ...status]),
  ]);
  return box;
}

function chip(colour, className) {
  const element = node('span', { class: `chip ${className || ''}`, 'aria-hidden': 'true' });
  if (colour) element.style.backgroundColor = colour;
  return element;
}

const entry = (mark, text) => node('li', {}, [mark, node('span', { text })]);
const block = (title, items) => node('section', {}, [node('h4', { text: title }), node('ul', {}, items)]);

/* Every class has its name and range beside its colour; signs differ by shape and filling. */
export function legend(doc, words, view, options) {
  const { state } = view;
  const parts = [];
  const computable = doc.computable[state.operator];
  if (state.surface === 'people') {
    parts.push(block(words.say('legend.people'), computable ? doc.ramp.map((colour, i) => {
      const from = i ? doc.breaks[i - 1] : 0;
      const to = doc.breaks[i];
      if (to === undefined) return entry(chip(colour), words.say('legend.from', { n: words.whole(from) }));
      return entry(chip(colour), i === 0 ? words.say('legend.below', { n: words.whole(to) }) : words.say('legend.between', { a: words.whole(from), b: words.whole(to) }));
    }) : [entry(chip('', 'hatched'), words.say('not_computable.full'))]));
  }
  if (state.surface === 'signal') {
    parts.push(block(words.say('legend.signal'), [
      ...doc.classes.map((c) => entry(chip(c.colour), `${c.name}  ${c.range}`)),
      entry(chip(NO_DATA_COLOUR, 'unknown'), words.say('legend.no_data')),
    ]));
  }
  if (state.surface === 'population') {
    parts.push(block(words.say('side.legend_population') + (doc.estimated ? words.say('estimated.suffix') : ''), doc.peopleRamp.map((step, i) => {
      const next = doc.peopleRamp[i + 1];
      return entry(chip(step.colour), next ? words.say('legend.between', { a: words.whole(step.from), b: words.whole(next.from) }) : words.say('legend.from', { n: words.whole(step.from) }));
    })));
  }
  const places = [];
  if (state.shown.areas && computable && state.operator === 'any') places.push(entry(chip('', 'area'), words.say('legend.area')));
  if (state.shown.districts) places.push(entry(chip('', 'district'), words.say('legend.district')));
  if (state.shown.challenges) places.push(entry(node('span', { class: 'challenge-mark', 'aria-hidden': 'true', text: words.say('challenge.letter') }), words.say('layer.challenges')));
  if (options.newly) places.push(entry(chip('', 'newly'), words.say('compare.newly')));
  places.push(entry(chip('', 'boundary'), words.say('legend.boundary')));
  parts.push(block(words.say('legend.places'), places));
  if (state.shown.sites) {
    const sign = (style, text) => entry(siteLayer.swatch({ radius: 5.2, ...style }), text);
    parts.push(block(words.say('legend.operator'), [
      ...doc.operators.filter((o) => state.operator === 'any' || o.id === state.operator).map((o) => sign({ shape: o.shape, colour: o.colour, filling: 'on' }, o.name)),
      ...(state.operator === 'any' ? [sign({ shape: doc.shared.shape, colour: doc.shared.colour, filling: 'on' }, words.say('legend.shared'))] : []),
    ]));
    parts.push(block(words.say('legend.status'), [
      ...['on', 'planned', 'off'].filter((f) => state.status[f] && (f !== 'planned' || options.plans))
        .map((filling) => sign({ shape: 'circle', colour: '#0b5a83', filling }, words.say(`status.${filling}`))),
      sign({ shape: 'circle', colour: '#0b5a83', filling: 'on', counted: true }, words.say('legend.counted')),
    ]));
  }
  return node('div', { class: 'legend' }, parts);
}

/* Play button, slider and the years below it. set(index): the year was chosen. */
export function timeline(doc, words, start, set) {
  const last = doc.years.length - 1;
  let year = start;
  let playing = null;
  const play = node('button', { type: 'button', class: 'play', onclick: () => (playing ? stop() : begin()) });
  const track = node('input', {
    type: 'range', min: '0', max: String(last), step: '1', value: String(start), 'aria-label': words.say('timeline.year'),
    oninput: (event) => { stop(); choose(Number(event.target.value)); },
  });
  const ticks = doc.shortLabels.map((label, i) => node('button', { type: 'button', tabindex: '-1', text: label, onclick: () => { stop(); choose(i); } }));
  function show() {
    track.value = String(year);
    track.setAttribute('aria-valuetext', doc.yearLabels[year]);
    ticks.forEach((tick, i) => tick.classList.toggle('now', i === year));
    play.textContent = playing ? '❚❚' : '▶';
    play.setAttribute('aria-label', words.say(playing ? 'timeline.pause' : 'timeline.play'));
  }
  function choose(index) { year = index; show(); set(index); }
  function stop() { if (playing) { clearInterval(playing); playing = null; show(); } }
  function begin() {
    if (year === last) choose(0);
    playing = setInterval(() => {
      choose(Math.min(last, year + 1));
      if (year === last) stop();
    }, PLAY_MS);
    show();
  }
  show();
  const element = node('div', { class: 'timeline' }, [play, node('div', { class: 'track' }, [track, node('div', { class: 'ticks', 'aria-hidden': 'true' }, ticks)])]);
  return { element, stop };
}
