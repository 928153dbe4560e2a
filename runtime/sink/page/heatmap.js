// The map: times from left to right, buckets from bottom to top.
const { labels, keys, times, histograms } = data;
const map = byId('map');
let shown = { histogram: 0, key: keys.length > 1 ? -1 : 0 }; // key -1 is all of them together
let chosen = null; // [time, bucket] where the keyboard is

// grid adds up the counts that are shown: one list a time, one number a bucket.
function grid() {
  const h = histograms[shown.histogram];
  const counts = times.map(() => new Array(h.buckets.length).fill(0));
  h.cells.forEach((cells, key) => {
    if (shown.key >= 0 && shown.key !== key) return;
    for (const [time, bucket, n] of cells) counts[time][bucket - h.first] += n;
  });
  return counts;
}

function svg(tag, attributes, text) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  return e;
}

let counts = grid();

function draw() {
  const { buckets } = histograms[shown.histogram];
  const most = Math.max(0, ...counts.map((column) => Math.max(0, ...column)));
  scale(most);
  if (most === 0) {
    map.replaceChildren(part('p', 'nothing was counted'));
    return;
  }
  const width = map.clientWidth;
  const left = 16 + 7.2 * Math.max(...buckets.map((b) => b.length));
  const across = Math.min(64, Math.max(4, Math.floor((width - left - 8) / times.length)));
  const down = Math.min(28, Math.max(14, Math.floor((innerHeight - 190) / buckets.length)));
  const bottom = down * buckets.length;
  const picture = svg('svg', { width: Math.max(left + across * times.length + 60, 10), height: bottom + 26 });
  buckets.forEach((text, b) => {
    picture.append(svg('text', { x: left - 8, y: bottom - down * b - down / 2 + 4, 'text-anchor': 'end' }, text));
  });
  const every = Math.max(1, Math.ceil(90 / across));
  for (let t = 0; t < times.length; t += every) {
    const x = left + across * t;
    picture.append(svg('line', { x1: x, x2: x, y1: bottom, y2: bottom + 6 }));
    picture.append(svg('text', { x, y: bottom + 20 }, times[t].split('.')[0]));
  }
  counts.forEach((column, t) => column.forEach((n, b) => {
    const gap = across > 6 ? 1 : 0;
    const cell = svg('rect', {
      x: left + across * t, y: bottom - down * (b + 1), width: across - gap, height: down - 1, class: 'room',
    });
    if (n > 0) {
      const heat = most > 1 ? Math.log(n) / Math.log(most) : 1;
      cell.setAttribute('class', 'cell ' + (heat < 0.5 ? 'low' : 'high'));
      cell.style.setProperty('--t', (200 * heat) % 100 + (heat === 1 ? 100 : 0) + '%');
    }
    if (chosen && chosen[0] === t && chosen[1] === b) cell.classList.add('chosen');
    cell.dataset.t = t;
    cell.dataset.b = b;
    picture.append(cell);
  }));
  map.replaceChildren(picture);
}

// scale says which colours are which counts.
function scale(most) {
  const middle = Math.round(Math.sqrt(most));
  byId('scale').replaceChildren(part('span', most ? '1' : '0'), part('i'), part('span', digits(most)));
  byId('scale').title = `colours are by the logarithm of a count; the middle is about ${digits(middle)}`;
}

function describe(t, b) {
  const sum = counts[t].reduce((a, n) => a + n, 0);
  const before = t > 0 ? `from ${times[t - 1]} ` : '';
  return [
    `${digits(counts[t][b])} in ${histograms[shown.histogram].buckets[b]}`,
    `${before}to ${times[t]}`,
    `${percent(counts[t][b], sum)} of the ${digits(sum)} in this interval`,
  ];
}

function say() {
  const all = counts.reduce((sum, column) => sum + column.reduce((a, n) => a + n, 0), 0);
  byId('status').textContent = chosen ? describe(...chosen).join(' · ')
    : `${digits(all)} values of ${histograms[shown.histogram].name} in ${digits(times.length)} intervals`;
}

function show(change) {
  Object.assign(shown, change);
  counts = grid();
  chosen = null;
  draw();
  say();
}

const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
map.addEventListener('keydown', (event) => {
  const step = steps[event.key];
  const rows = histograms[shown.histogram].buckets.length;
  if (event.key === 'Escape') chosen = null;
  else if (!step || !rows || !times.length) return;
  else if (!chosen) chosen = [0, 0];
  else {
    chosen = [
      Math.min(times.length - 1, Math.max(0, chosen[0] + step[0])),
      Math.min(rows - 1, Math.max(0, chosen[1] + step[1])),
    ];
  }
  event.preventDefault();
  draw();
  say();
  map.querySelector('.chosen')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
});
map.addEventListener('mousemove', (event) => {
  const { t, b } = event.target.dataset;
  tip(t !== undefined && describe(Number(t), Number(b)), event);
});
map.addEventListener('mouseleave', () => tip(null));
addEventListener('resize', draw);

// selector fills a list of choices, which is there when there are several.
function selector(id, choices) {
  const list = byId(id);
  list.append(...choices.map(([text, value]) => Object.assign(part('option', text), { value })));
  list.hidden = choices.length < 2;
  list.addEventListener('change', () => show({ [id]: Number(list.value) }));
}

const keyTexts = keys.map((key, i) => [key.map((text, j) => `${labels[j]} ${text}`).join(', '), i]);
selector('histogram', histograms.map((h, i) => [h.name, i]));
selector('key', keys.length > 1 ? [[`all ${digits(keys.length)} keys`, -1], ...keyTexts] : keyTexts);
draw();
say();
