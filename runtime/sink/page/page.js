'use strict';

const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);

// part makes an element that holds a text, never markup.
function part(tag, text, className) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
}

const digits = (n) => n.toLocaleString('en-US');

// scaled writes n in the largest of steps that is not more than it.
function scaled(n, steps) {
  for (const [size, unit] of steps) {
    if (n >= size) return (n / size).toFixed(2) + ' ' + unit;
  }
  return digits(n) + ' ' + steps[steps.length - 1][1];
}

// quantity writes a value of profile.proto's unit.
function quantity(n, unit) {
  switch (unit) {
    case 'nanoseconds':
      return scaled(n, [[1e9, 's'], [1e6, 'ms'], [1e3, 'us'], [1, 'ns']]);
    case 'bytes':
      return scaled(n, [[2 ** 40, 'TiB'], [2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB'], [1, 'B']]);
  }
  return digits(n);
}

const percent = (n, of) => (of > 0 ? (100 * n / of).toFixed(2) : '0.00') + '%';

// tip shows lines beside the pointer, the first one bold; none hide it.
function tip(lines, event) {
  const box = byId('tip');
  box.hidden = !lines;
  if (!lines) return;
  box.replaceChildren(...lines.filter(Boolean).map((text, i) => part(i ? 'span' : 'b', text)));
  const { width, height } = box.getBoundingClientRect();
  const x = Math.min(event.clientX + 14, innerWidth - width - 6);
  const below = event.clientY + 18;
  box.style.left = Math.max(6, x) + 'px';
  box.style.top = (below + height < innerHeight ? below : Math.max(6, event.clientY - height - 10)) + 'px';
}

