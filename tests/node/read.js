// Reads histogram logs with hdr-histogram-js. Each line of standard input names a log; each line of standard output is
// a JSON object of what it holds, by tag: nanoseconds at the percentiles, the largest value, the count, when the
// intervals began and ended (milliseconds since the epoch), and the percentile distribution.
"use strict";

const { readFileSync } = require("node:fs");
const { createInterface } = require("node:readline");
const hdr = require("hdr-histogram-js");

const PERCENTILES = [50, 90, 99, 99.9, 99.99];

function read(path) {
  // Counts in 64 bits: the default of 32 would wrap.
  const reader = new hdr.HistogramLogReader(readFileSync(path, "utf8"), 64);
  const held = {};
  let histogram;
  while ((histogram = reader.nextIntervalHistogram()) !== null) {
    const { tag, startTimeStampMsec: start_ms, endTimeStampMsec: end_ms } = histogram;
    if (held[tag]) held[tag].histogram.add(histogram);
    else held[tag] = { histogram, start_ms, end_ms };
  }
  return Object.fromEntries(Object.entries(held).map(([tag, one]) => [tag, figures(one)]));
}

function figures({ histogram, start_ms, end_ms }) {
  return {
    values_ns: PERCENTILES.map((percentile) => histogram.getValueAtPercentile(percentile)),
    max_ns: histogram.maxValue,
    n: histogram.totalCount,
    start_ms,
    end_ms,
    distribution: histogram.outputPercentileDistribution(5, 1),
  };
}

createInterface({ input: process.stdin }).on("line", (path) => console.log(JSON.stringify(read(path))));
