// Spends 70 of 100 parts of its time in seventy and 30 in thirty, for ever: see split.c.
'use strict';

function seventy(x) {
  for (let i = 0; i < 70 * 10000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
}

function thirty(x) {
  for (let i = 0; i < 30 * 10000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
}

for (let x = 1; ; ) x = thirty(seventy(x));
