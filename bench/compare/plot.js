"use strict";

// The pictures of tables 2, 3 and 5. Apache ECharts draws SVG without a browser and brings one package with it.

const echarts = require("echarts");
const { mkdirSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { contenders } = require("./contenders");
const tables = require("./tables");

const FOLDER = join(__dirname, "..", "plots");
const PANEL = { width: 420, height: 300 };

/** Ours stand out; the others are told apart by shades. */
const OURS = ["#0b6e4f", "#6bbf59"];
const OTHERS = ["#b0413e", "#d98c5f", "#8d6b94", "#c2a83e", "#6c757d", "#a3b4c4", "#4a5568"];

const names = Object.keys(contenders);
const others = names.filter((name) => !contenders[name].isOurs && !contenders[name].isControl);

function colorOf(name) {
  if (contenders[name].isControl) return "#d9d9d9";
  if (contenders[name].isOurs) return name === "native" ? OURS[0] : OURS[1];
  return OTHERS[others.indexOf(name)];
}

const titleOf = (name) => contenders[name].title.replaceAll("`", "");
const rounded = (value) => Number(value.toPrecision(value < 10 ? 2 : 3));

/** Bars of contenders, one group for each category; a contender that has no value there has no bar. */
function barPanel({ title, categories, series }, index) {
  return {
    grid: panelGrid(index),
    title: panelTitle(title, index),
    xAxis: { type: "category", data: categories, gridIndex: index, axisTick: { show: false } },
    yAxis: logarithmic(index),
    series: series.map(({ name, values }) => ({
      type: "bar",
      name: titleOf(name),
      xAxisIndex: index,
      yAxisIndex: index,
      barGap: "10%",
      color: colorOf(name),
      label: { show: true, position: "top", fontSize: 10, formatter: ({ value }) => `${rounded(value)}` },
      data: values.map((value) => value ?? "-"),
    })),
  };
}

/** Lines of contenders over the size of the heap, both by powers of two or ten. */
function linePanel({ title, unit, series }, index) {
  return {
    grid: panelGrid(index),
    title: panelTitle(title, index),
    xAxis: { type: "log", logBase: 2, gridIndex: index, name: unit, nameLocation: "middle", nameGap: 26, min: 32 },
    yAxis: logarithmic(index),
    series: series.map(({ name, label, points, dashed }) => ({
      type: "line",
      name: label,
      xAxisIndex: index,
      yAxisIndex: index,
      color: colorOf(name),
      symbolSize: 7,
      lineStyle: { type: dashed ? "dashed" : "solid" },
      data: points,
    })),
  };
}

const panelGrid = (index) => ({
  left: 55 + index * PANEL.width,
  top: 50,
  width: PANEL.width - 75,
  height: PANEL.height - 100,
});

const panelTitle = (text, index) => ({ text, left: 40 + index * PANEL.width, top: 12, textStyle: { fontSize: 14 } });

const logarithmic = (index) => ({
  type: "log",
  gridIndex: index,
  splitLine: { lineStyle: { color: "#e8e8e8" } },
  axisLabel: { formatter: (value) => `${rounded(value)}` },
});

function draw(file, panels) {
  const legendHeight =
    30 + 22 * Math.ceil(new Set(panels.flatMap(({ series }) => series.map(({ name }) => name))).size / 3);
  const size = { width: PANEL.width * panels.length, height: PANEL.height + legendHeight };
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, ...size });
  const all = (part) => panels.flatMap((panel) => panel[part]);
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: "sans-serif" },
    legend: { bottom: 8, left: "center", width: size.width - 60 },
    title: all("title"),
    grid: all("grid"),
    xAxis: all("xAxis"),
    yAxis: all("yAxis"),
    series: all("series"),
  });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, file), `${chart.renderToSVGString()}\n`);
  chart.dispose();
}

/** Draws the pictures of all tables that have one and something to show. */
function plot(record) {
  for (const table of tables) {
    const panels = table.plot?.(record.cells(table)) ?? [];
    if (panels.length === 0) continue;
    draw(
      table.picture,
      panels.map((panel, index) => (panel.unit ? linePanel : barPanel)(panel, index)),
    );
  }
}

module.exports = { plot };
