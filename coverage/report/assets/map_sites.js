/* Base stations on a canvas: one drawn sign each up to a limit, numbered circles above it.
   Shape and colour say the operator, the filling says the status, so nothing is told by colour alone. */
'use strict';

const siteLayer = (function () {
  const CANVAS_LIMIT = 3000;
  const CLUSTER_PX = 72;

  /* Corners of each operator's sign on the unit circle, in drawing order. */
  const SHAPES = {
    square: [[-0.85, -0.85], [0.85, -0.85], [0.85, 0.85], [-0.85, 0.85]],
    diamond: [[0, -1.2], [1.2, 0], [0, 1.2], [-1.2, 0]],
    triangle: [[0, -1.15], [1.1, 0.85], [-1.1, 0.85]],
    inverted: [[0, 1.15], [1.1, -0.85], [-1.1, -0.85]],
    pentagon: [[0, -1.15], [1.09, -0.36], [0.68, 0.93], [-0.68, 0.93], [-1.09, -0.36]],
    hexagon: [[-1.1, 0], [-0.55, -0.95], [0.55, -0.95], [1.1, 0], [0.55, 0.95], [-0.55, 0.95]],
  };

  function trace(ctx, shape, x, y, r) {
    ctx.beginPath();
    const corners = SHAPES[shape];
    if (!corners) {
      ctx.arc(x, y, r, 0, Math.PI * 2);
      return;
    }
    corners.forEach(function (c, i) {
      if (i) ctx.lineTo(x + c[0] * r, y + c[1] * r);
      else ctx.moveTo(x + c[0] * r, y + c[1] * r);
    });
    ctx.closePath();
  }

  /* style: {shape, colour, filling: "on" | "planned" | "off", counted: bool, radius} */
  function drawSign(ctx, x, y, style) {
    const r = style.radius;
    ctx.save();
    ctx.lineJoin = 'round';
    if (style.counted) {
      ctx.beginPath();
      ctx.arc(x, y, r + 3.6, 0, Math.PI * 2);
      ctx.strokeStyle = '#ffffff';
      ctx.lineWidth = 4;
      ctx.stroke();
      ctx.strokeStyle = '#1d2a35';
      ctx.lineWidth = 1.6;
      ctx.stroke();
    }
    trace(ctx, style.shape, x, y, r);
    ctx.strokeStyle = '#ffffff';
    ctx.lineWidth = style.filling === 'planned' ? 4.4 : 2.6;
    ctx.stroke();
    if (style.filling === 'planned') {
      ctx.fillStyle = 'rgba(255,255,255,0.92)';
      ctx.fill();
      ctx.strokeStyle = style.colour;
      ctx.lineWidth = 1.9;
      ctx.stroke();
    } else if (style.filling === 'off') {
      ctx.fillStyle = '#ffffff';
      ctx.fill();
      ctx.strokeStyle = '#6b747c';
      ctx.lineWidth = 1.4;
      ctx.stroke();
      ctx.beginPath();
      ctx.moveTo(x - r * 0.55, y - r * 0.55);
      ctx.lineTo(x + r * 0.55, y + r * 0.55);
      ctx.moveTo(x + r * 0.55, y - r * 0.55);
      ctx.lineTo(x - r * 0.55, y + r * 0.55);
      ctx.stroke();
    } else {
      ctx.fillStyle = style.colour;
      ctx.fill();
    }
    ctx.restore();
  }

  function drawCluster(ctx, x, y, style) {
    ctx.save();
    ctx.beginPath();
    ctx.arc(x, y, style.radius, 0, Math.PI * 2);
    ctx.fillStyle = 'rgba(255,255,255,0.94)';
    ctx.fill();
    ctx.strokeStyle = '#1d2a35';
    ctx.lineWidth = 1.6;
    ctx.stroke();
    ctx.fillStyle = '#1d2a35';
    ctx.font = '600 12px sans-serif';
    ctx.textAlign = 'center';
    ctx.textBaseline = 'middle';
    ctx.fillText(String(style.count), x, y + 0.5);
    ctx.restore();
  }

  L.Canvas.include({
    _updateSign: function (layer) {
      if (!this._drawing || layer._empty()) return;
      const style = layer.options.sign;
      (style.count ? drawCluster : drawSign)(this._ctx, layer._point.x, layer._point.y, style);
    },
  });

  const Sign = L.CircleMarker.extend({
    _updatePath: function () {
      this._renderer._updateSign(this);
    },
  });

  /* sites: [{at: [lat, lon], …}]; styleOf(site) → style or null (hidden); popupOf(site) → element, or null where it is shown elsewhere. */
  function create(map, sites, styleOf, popupOf) {
    const renderer = L.canvas({ pane: 'sites', padding: 0.3, tolerance: 6 });
    const group = L.layerGroup().addTo(map);
    const made = new Map();
    let shown = true;

    function marker(site, style) {
      let sign = made.get(site);
      if (!sign) {
        sign = new Sign(site.at, { renderer: renderer, pane: 'sites', radius: style.radius + 3 });
        sign.open = function () {
          const content = popupOf(site);
          if (content) L.popup({ maxWidth: 300 }).setLatLng(site.at).setContent(content).openOn(map);
        };
        made.set(site, sign);
      }
      sign.options.sign = style;
      return sign;
    }

    function cluster(members) {
      const zoom = map.getZoom();
      const view = map.getBounds().pad(0.2);
      const cells = new Map();
      members.forEach(function (m) {
        if (!view.contains(m.site.at)) return;
        const p = map.project(m.site.at, zoom);
        const key = Math.floor(p.x / CLUSTER_PX) + ':' + Math.floor(p.y / CLUSTER_PX);
        if (!cells.has(key)) cells.set(key, []);
        cells.get(key).push(m);
      });
      cells.forEach(function (inside) {
        if (inside.length === 1 || zoom >= map.getMaxZoom()) {
          inside.forEach(function (m) { group.addLayer(marker(m.site, m.style)); });
          return;
        }
        const n = inside.length;
        const at = [0, 1].map(function (k) {
          return inside.reduce(function (sum, m) { return sum + m.site.at[k]; }, 0) / n;
        });
        const style = { count: n, radius: 11 + 4 * Math.log10(n) };
        const circle = new Sign(at, { renderer: renderer, pane: 'sites', radius: style.radius, sign: style });
        circle.open = function () {
          map.fitBounds(L.latLngBounds(inside.map(function (m) { return m.site.at; })).pad(0.2));
        };
        group.addLayer(circle);
      });
    }

    function draw() {
      group.clearLayers();
      if (!shown) return 0;
      const members = [];
      sites.forEach(function (site) {
        const style = styleOf(site);
        if (style) members.push({ site: site, style: style });
      });
      if (members.length > CANVAS_LIMIT) cluster(members);
      else members.forEach(function (m) { group.addLayer(marker(m.site, m.style)); });
      return members.length;
    }

    /* The canvas lets clicks through to the outlines below it (CSS), so what was meant is looked up here. */
    function nearest(at) {
      const point = map.latLngToLayerPoint(at);
      let best = null;
      let reach = Infinity;
      group.eachLayer(function (sign) {
        const d = point.distanceTo(map.latLngToLayerPoint(sign.getLatLng()));
        if (d <= sign.options.sign.radius + 6 && d < reach) { best = sign; reach = d; }
      });
      return best;
    }

    if (sites.length > CANVAS_LIMIT) map.on('moveend', draw);
    return {
      draw: draw,
      openAt: function (at) {
        const sign = nearest(at);
        if (sign) sign.open();
        return sign !== null;
      },
      show: function (on) { shown = on; draw(); },
    };
  }

  /* The same sign on a small canvas, for the legend. */
  function swatch(style) {
    const canvas = document.createElement('canvas');
    const scale = 2;
    canvas.width = 26 * scale;
    canvas.height = 22 * scale;
    canvas.className = 'sign';
    const ctx = canvas.getContext('2d');
    ctx.scale(scale, scale);
    drawSign(ctx, 13, 11, style);
    return canvas;
  }

  return { create: create, swatch: swatch };
})();
