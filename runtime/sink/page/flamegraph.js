// The graph. Nodes come parents first; node i and all that stands on it are i to end[i].
const rowHeight = 19;
const narrowest = 0.4; // pixels of the narrowest box that is drawn
const { values, strings, kinds, nodes } = data;
const count = nodes.length;
const depth = nodes.map((n) => n[0]);
const name = nodes.map((n) => strings[n[1]]);
const module = nodes.map((n) => strings[n[2]]);
const kind = nodes.map((n) => kinds[n[3]]);
const parent = new Int32Array(count).fill(-1);
const end = new Int32Array(count);
const total = new Float64Array(count); // of a node and all that stands on it
const start = new Float64Array(count); // where it begins, of the root's total
for (let i = 1; i < count; i++) {
  let p = i - 1;
  while (depth[p] >= depth[i]) p = parent[p];
  parent[i] = p;
}
for (let i = count - 1; i >= 0; i--) {
  end[i] = Math.max(end[i], i + 1);
  if (i) end[parent[i]] = Math.max(end[parent[i]], end[i]);
}

const kindNames = {
  key: 'key', user: 'user', inlined: 'inlined', jit: 'JIT', kernel: 'kernel', missing: 'no stack',
};
const graph = byId('graph');
let value = 0; // which of values is shown
let zoomed = 0;
let chosen = 0; // where the keyboard is
let icicle = false; // the root is above
let hits = null; // for each string, whether it matches; null when nothing is searched

const self = (i) => nodes[i][4 + value];
const unit = () => values[value].unit;

// measure adds up the value that is shown.
function measure() {
  for (let i = count - 1; i >= 0; i--) total[i] = self(i);
  for (let i = count - 1; i > 0; i--) total[parent[i]] += total[i];
  const next = new Float64Array(count);
  for (let i = 1; i < count; i++) {
    const p = parent[i];
    start[i] = start[p] + next[p];
    next[p] += total[i];
  }
}

const hit = (i) => hits !== null && hits[nodes[i][1]];

// within reports whether j is i or stands on it.
const within = (j, i) => j >= i && j < end[i];

// spread makes names of one kind differ a little, the same name never.
function spread(text) {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return ((h >>> 8) % 201) / 100 - 1;
}

// fitting leaves the path of a package off a name that is too long: what follows it says more.
const fitting = (text, pixels) => (text.length * 6.5 > pixels ? text.replace(/^(?:[\w.@~%+-]+\/)+(?=.)/, '') : text);

// boxes lists what is to be drawn: the zoomed node and all that stands on it, and, as wide
// as the whole, what it stands on.
function boxes() {
  const list = [];
  for (let i = parent[zoomed]; i >= 0; i = parent[i]) list.push([i, 0, 1]);
  const width = graph.clientWidth;
  for (let i = zoomed; i < end[zoomed]; ) {
    const share = total[zoomed] > 0 ? total[i] / total[zoomed] : Number(i === zoomed);
    if (share * width < narrowest) {
      i = end[i]; // nor is anything that stands on it any wider
      continue;
    }
    list.push([i, total[zoomed] > 0 ? (start[i] - start[zoomed]) / total[zoomed] : 0, share]);
    i++;
  }
  return list;
}

function draw() {
  const list = boxes();
  const width = graph.clientWidth;
  const rows = 1 + list.reduce((deepest, [i]) => Math.max(deepest, depth[i]), 0);
  graph.style.height = rows * rowHeight + 'px';
  graph.replaceChildren(...list.map(([i, x, share]) => {
    const box = document.createElement('div');
    const pixels = share * width;
    box.className = 'frame ' + kind[i];
    if (pixels < 8) box.classList.add('narrow');
    if (pixels >= 24) box.textContent = fitting(name[i], pixels);
    if (!within(i, zoomed)) box.classList.add('below');
    if (hit(i)) box.classList.add('hit');
    if (i === chosen) box.classList.add('chosen');
    box.dataset.i = i;
    box.ariaLabel = name[i];
    box.style.setProperty('--v', spread(name[i]).toFixed(2));
    box.style.left = 100 * x + '%';
    box.style.width = 100 * share + '%';
    box.style.top = (icicle ? depth[i] : rows - 1 - depth[i]) * rowHeight + 'px';
    return box;
  }));
  byId('reset').disabled = zoomed === 0;
  const of = hits === null ? '' : percent(matched(0), total[0]) + ' matched';
  const shown = hits === null || zoomed === 0 ? '' : ', ' + percent(matched(zoomed), total[zoomed]) + ' of what is shown';
  byId('matched').textContent = of + shown;
}

// matched is what of i is of functions that match: what stands on one counts once.
function matched(i) {
  for (let p = parent[i]; p >= 0; p = parent[p]) if (hit(p)) return total[i];
  let sum = 0;
  for (let j = i; j < end[i]; ) {
    if (hit(j)) {
      sum += total[j];
      j = end[j];
    } else j++;
  }
  return sum;
}

// describe is what is to be said of a box.
function describe(i) {
  const where = [kindNames[kind[i]], module[i]].filter(Boolean).join(', ');
  const exact = unit() === 'count' ? '' : ` (${digits(total[i])} ${unit()})`;
  let amount = `${quantity(total[i], unit())}${exact} ${values[value].name}, ${percent(total[i], total[0])} of all`;
  if (zoomed && within(i, zoomed)) amount += `, ${percent(total[i], total[zoomed])} of what is shown`;
  const own = self(i) ? `itself: ${quantity(self(i), unit())}, ${percent(self(i), total[0])} of all` : '';
  return [name[i], where, amount, own];
}

function say(i) {
  byId('status').textContent = describe(i).filter(Boolean).join(' · ');
}

function zoom(i) {
  zoomed = i;
  choose(i);
}

function choose(i) {
  chosen = i;
  draw();
  say(i);
  graph.querySelector('.chosen')?.scrollIntoView({ block: 'nearest' });
}

// search takes a regular expression, or what is none as it is.
function search(text) {
  hits = null;
  if (text) {
    let pattern;
    try {
      pattern = new RegExp(text, 'i');
    } catch {
      pattern = { test: (s) => s.toLowerCase().includes(text.toLowerCase()) };
    }
    hits = strings.map((s) => pattern.test(s));
  }
  draw();
}

function turn() {
  icicle = !icicle;
  draw();
  toRoot();
}

// toRoot scrolls to where the stacks begin.
function toRoot() {
  scrollTo(0, icicle ? 0 : document.body.scrollHeight);
}

// wide reports whether a box is drawn.
const wide = (i) => total[zoomed] > 0 && (total[i] / total[zoomed]) * graph.clientWidth >= narrowest;

// beside returns the box on the right of the chosen one, or with -1 on the left.
function beside(direction) {
  const siblings = [];
  const p = parent[chosen];
  if (p < 0 || !within(p, zoomed)) return chosen;
  for (let i = p + 1; i < end[p]; i = end[i]) if (wide(i)) siblings.push(i);
  return siblings[siblings.indexOf(chosen) + direction] ?? chosen;
}

// above returns the widest box that stands on the chosen one.
function above() {
  let best = chosen;
  for (let i = chosen + 1; i < end[chosen]; i = end[i]) {
    if (wide(i) && (best === chosen || total[i] > total[best])) best = i;
  }
  return best;
}

const away = () => choose(within(chosen, zoomed) ? above() : zoomed);
const back = () => choose(Math.max(0, parent[chosen]));
const keys = {
  ArrowLeft: () => choose(beside(-1)),
  ArrowRight: () => choose(beside(1)),
  ArrowUp: () => (icicle ? back : away)(),
  ArrowDown: () => (icicle ? away : back)(),
  Enter: () => zoom(chosen),
  Home: () => zoom(0),
  i: turn,
};

addEventListener('keydown', (event) => {
  const typing = event.target === byId('search');
  if (event.key === 'Escape') {
    if (byId('search').value) {
      byId('search').value = '';
      search('');
    } else zoom(0);
    graph.focus({ preventScroll: true });
  } else if (!typing && (event.key === '/' || (event.key === 'f' && (event.ctrlKey || event.metaKey)))) {
    byId('search').focus();
  } else if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey && event.target.tagName !== 'SELECT' &&
      keys[event.key] && !(event.key === 'Enter' && event.target.tagName === 'BUTTON')) {
    keys[event.key]();
    graph.focus({ preventScroll: true });
  } else return;
  event.preventDefault();
});
graph.addEventListener('click', (event) => {
  const box = event.target.closest('.frame');
  if (box) zoom(Number(box.dataset.i));
});
graph.addEventListener('mousemove', (event) => {
  const box = event.target.closest('.frame');
  tip(box && describe(Number(box.dataset.i)), event);
});
graph.addEventListener('mouseleave', () => tip(null));
byId('search').addEventListener('input', (event) => search(event.target.value));
byId('reset').addEventListener('click', () => zoom(0));
byId('turn').addEventListener('click', turn);
byId('value').addEventListener('change', (event) => {
  value = Number(event.target.value);
  measure();
  choose(chosen);
});
addEventListener('resize', draw);

byId('value').append(...values.map((v, i) => Object.assign(part('option', v.name), { value: i })));
byId('value').hidden = values.length < 2;
byId('legend').append(...Object.keys(kindNames).filter((k) => kinds.includes(k)).map((k) => {
  const entry = part('span');
  entry.append(part('i', '', k), kindNames[k]);
  return entry;
}));
measure();
draw();
say(0);
if (data.negative) byId('status').textContent += ` · ${digits(data.negative)} values below 0 are not drawn`;
if (total[0] === 0) byId('status').textContent = 'nothing was counted';
toRoot();
