/* The section from mast to point: terrain on the curved Earth, ray, first Fresnel zone, edges; and tables of the same. */
import { node, sheet } from './words.js';

const NS = 'http://www.w3.org/2000/svg';
const HEIGHT = 260;
const PAD = { top: 18, right: 18, bottom: 40, left: 56 };

function svg(tag, attributes, text) {
  const element = document.createElementNS(NS, tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, String(value)));
  if (text !== undefined) element.textContent = text;
  return element;
}

function ticks(low, high, wanted) {
  const raw = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) || raw;
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) out.push(Number(v.toFixed(6)));
  return out;
}

/* Decimals that tell one tick from the next. */
const decimals = (marks) => (marks.length > 1 && !Number.isInteger(marks[1] - marks[0]) ? 1 : 0);

function chart(section, server, words, width) {
  const { d, ground, surface, line, fresnel } = section.path;
  const last = d.length - 1;
  const upper = line.map((v, i) => v + fresnel[i]);
  const lower = line.map((v, i) => v - fresnel[i]);
  let low = Math.min(...ground);
  let high = Math.max(...surface, ...upper);
  const room = Math.max(20, (high - low) * 0.08);
  low = Math.floor((low - room) / 10) * 10;
  high += room;
  const inner = width - PAD.left - PAD.right;
  const tall = HEIGHT - PAD.top - PAD.bottom;
  const X = (v) => PAD.left + (v / d[last]) * inner;
  const Y = (v) => PAD.top + (1 - (v - low) / (high - low)) * tall;
  const trace = (values, back) => {
    const points = values.map((v, i) => `${X(d[i]).toFixed(1)} ${Y(v).toFixed(1)}`);
    return (back ? points.reverse() : points).join('L');
  };
  const root = svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img', class: 'section-chart' });
  root.appendChild(svg('title', {}, words.say('section.title', { name: server.name || server.site_id })));
  root.appendChild(svg('desc', {}, words.say('section.summary', {
    distance: words.number(section.distance_km, 1), edges: String(section.edges.length), clearance: words.number(section.clearance, 2),
  })));
  const heights = ticks(low, high, 5);
  heights.forEach((v) => {
    root.appendChild(svg('line', { x1: PAD.left, x2: width - PAD.right, y1: Y(v), y2: Y(v), class: 'grid' }));
    root.appendChild(svg('text', { x: PAD.left - 6, y: Y(v) + 4, class: 'axis', 'text-anchor': 'end' }, words.number(v, decimals(heights))));
  });
  const distances = ticks(0, d[last], Math.max(3, Math.floor(inner / 110)));
  distances.forEach((v) => {
    root.appendChild(svg('text', { x: X(v), y: HEIGHT - PAD.bottom + 16, class: 'axis', 'text-anchor': 'middle' }, words.number(v, decimals(distances))));
  });
  root.appendChild(svg('text', { x: PAD.left + inner / 2, y: HEIGHT - 6, class: 'axis', 'text-anchor': 'middle' }, words.say('section.axis_distance')));
  root.appendChild(svg('text', { x: 4, y: 12, class: 'axis' }, words.say('section.axis_height')));
  const floor = `L${X(d[last]).toFixed(1)} ${Y(low).toFixed(1)}L${X(0).toFixed(1)} ${Y(low).toFixed(1)}Z`;
  root.appendChild(svg('path', { d: `M${trace(surface)}${floor}`, class: 'clutter' }));
  root.appendChild(svg('path', { d: `M${trace(ground)}${floor}`, class: 'ground' }));
  root.appendChild(svg('path', { d: `M${trace(upper)}L${trace(lower, true)}Z`, class: 'fresnel' }));
  root.appendChild(svg('line', { x1: X(0), x2: X(d[last]), y1: Y(line[0]), y2: Y(line[last]), class: 'ray' }));
  root.appendChild(svg('line', { x1: X(0), x2: X(0), y1: Y(ground[0]), y2: Y(line[0]), class: 'mast' }));
  root.appendChild(svg('circle', { cx: X(d[last]), cy: Y(line[last]), r: 4, class: 'receiver' }));
  section.edges.forEach((edge, i) => {
    const x = X(edge.d);
    const y = Y(edge.height);
    root.appendChild(svg('path', { d: `M${x} ${y}l-5 -9h10Z`, class: 'edge' }));
    if (i < 12) root.appendChild(svg('text', { x, y: y - 12, class: 'edge-number', 'text-anchor': 'middle' }, String(i + 1)));
  });
  return root;
}

function key(className, text) {
  const sample = svg('svg', { viewBox: '0 0 28 14', width: 28, height: 14, 'aria-hidden': 'true' });
  if (className === 'edge') sample.appendChild(svg('path', { d: 'M14 12l-5 -9h10Z', class: 'edge' }));
  else if (className === 'ray') sample.appendChild(svg('line', { x1: 1, x2: 27, y1: 7, y2: 7, class: 'ray' }));
  else sample.appendChild(svg('rect', { x: 1, y: 2, width: 26, height: 10, class: className }));
  return node('li', {}, [sample, node('span', { text })]);
}

/* The whole block; its picture is drawn again when the width changes. close: what the button does. */
export function sectionBlock(facts, words, operatorOf, close) {
  const { section, server } = facts;
  const title = node('h3', { text: words.say('section.title', { name: server.name || server.site_id }), tabindex: '-1' });
  const holder = node('div', { class: 'chart' });
  const draw = () => {
    const width = Math.max(320, Math.floor(holder.clientWidth));
    holder.textContent = '';
    holder.appendChild(chart(section, server, words, width));
  };
  const watcher = new ResizeObserver(draw);
  const sight = section.line_of_sight
    ? words.say('section.clear', { clearance: words.number(section.clearance, 2) })
    : words.say('section.blocked', { edges: String(section.edges.length), clearance: words.number(section.clearance, 2) });
  const notes = [sight];
  if (section.near_mast) notes.push(words.say('section.near_mast'));
  if (!facts.ground_whole) notes.push(words.say('section.heights_alone'));
  if (server.defaults && server.defaults.length) {
    notes.push(words.say('section.defaults', { fields: server.defaults.map((f) => words.say(`section.field_${f}`)).join(words.say('section.comma')) }));
  }
  const raster = facts.signal.level_dbm;
  if (raster !== null) {
    const sentence = operatorOf(server.operator).published ? 'section.published' : 'section.two_levels';
    notes.push(words.say(sentence, { here: words.number(section.level_dbm, 1), raster: words.number(raster, 1) }));
  }
  const kinds = { mast: words.say('section.at_mast'), point: words.say('section.at_point'), edge: words.say('section.at_edge'), tightest: words.say('section.at_tightest') };
  const table = sheet(words.say('section.table'), [
    words.say('section.place'), words.say('section.distance'), words.say('section.height'), words.say('section.clutter'),
    words.say('section.bulge'), words.say('section.ray'), words.say('section.fresnel'), words.say('section.clearance'),
  ], section.table.map((r) => [
    kinds[r.kind] || '—', words.number(r.d, 2), words.number(r.height, 1), words.number(r.clutter, 1), words.number(r.bulge, 1),
    words.number(r.ray, 1), words.number(r.fresnel, 1), r.clearance === null ? '—' : words.number(r.clearance, 2),
  ]), [1, 2, 3, 4, 5, 6, 7]);
  const terms = sheet(words.say('section.terms', { model: section.model }), [words.say('section.term'), words.say('section.db')],
    section.terms.map((t) => [words.say(`term.${t.key}`), t.db === null ? '—' : words.number(t.db, 1)]), [1]);
  const budget = sheet(words.say('section.budget'), [words.say('section.item'), words.say('section.value')], [
    ...section.budget.map((b) => [words.say(`budget.${b.key}`), words.number(b.db, 1)]),
    [words.say('budget.level'), words.number(section.level_dbm, 1)],
  ], [1]);
  const block = node('section', { class: 'section', 'aria-label': words.say('section.label') }, [
    node('div', { class: 'section-head' }, [
      title,
      node('p', { text: words.say('section.site', {
        operator: operatorOf(server.operator).name, height: words.number(server.height_m, 0), frequency: words.number(server.frequency_mhz, 0),
        eirp: words.number(server.eirp_dbm, 1), distance: words.number(section.distance_km, 2),
      }) }),
      node('button', { type: 'button', class: 'plain', text: words.say('section.close'), onclick: () => { watcher.disconnect(); close(); } }),
    ]),
    holder,
    node('ul', { class: 'keys' }, [
      key('ground', words.say('section.key_ground')), key('clutter', words.say('section.key_clutter')),
      key('ray', words.say('section.key_ray')), key('fresnel', words.say('section.key_fresnel')), key('edge', words.say('section.key_edge')),
    ]),
    ...notes.map((text) => node('p', { class: 'note', text })),
    node('div', { class: 'tables' }, [table, node('div', { class: 'pair' }, [terms, budget])]),
  ]);
  watcher.observe(holder);
  return block;
}
