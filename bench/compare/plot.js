"use strict";

// The pictures of tables 2, 3 and 5. Apache ECharts draws SVG without a browser and brings one package with it.

const echarts = require("echarts");
const { writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { contenders } = require("./contenders");
const tables = require("./tables");

/** The names of the contenders stand on the left, once for all panels. */
const NAMES = 300;
const PANEL = { width: 320, top: 50, line: 26, lines: 240 };

/** Ours stand out; to the others the bars lend no colour. */
const OURS = "#0b6e4f";
const OURS_BY_V8 = "#6bbf59";
const OTHERS = "#b08d8a";

function colorOf(name) {
  if (!contenders[name].isOurs) return contenders[name].isControl ? "#d9d9d9" : OTHERS;
  return name === "native" ? OURS : OURS_BY_V8;
}

const titleOf = (name) => contenders[name].title.replaceAll("`", "");
const rounded = (value) => Number(value.toPrecision(value < 10 ? 2 : 3)).toLocaleString("en");

/** A bar for each contender; where there is no value its reason stands in its place. */
function barPanel({ title, bars }, index) {
  const left = NAMES + index * PANEL.width;
  return {
    title: panelTitle(title, left),
    grid: { left, top: PANEL.top, width: PANEL.width - 70, height: bars.length * PANEL.line },
    xAxis: { type: "value", gridIndex: index, show: false },
    yAxis: {
      type: "category",
      inverse: true,
      gridIndex: index,
      data: bars.map(({ name }) => titleOf(name)),
      axisTick: { show: false },
      axisLabel: { show: index === 0, color: "#222222" },
    },
    series: {
      type: "bar",
      xAxisIndex: index,
      yAxisIndex: index,
      barWidth: "70%",
      data: bars.map(({ name, value, missing = "not run" }) => ({
        value: value ?? 0,
        itemStyle: { color: colorOf(name) },
        label: { show: true, position: "right", formatter: value === undefined ? missing : rounded(value) },
      })),
    },
  };
}

/** Lines of contenders over the size of the heap, both by powers. */
function linePanel({ title, unit, lines }, index) {
  const left = 60 + index * (PANEL.width + 40);
  return {
    title: panelTitle(title, left),
    grid: { left, top: PANEL.top, width: PANEL.width - 40, height: PANEL.lines },
    xAxis: { type: "log", logBase: 2, gridIndex: index, name: unit, nameLocation: "middle", nameGap: 28, min: 32 },
    yAxis: { type: "log", gridIndex: index, splitLine: { lineStyle: { color: "#e8e8e8" } } },
    series: lines.map(({ name, label, points, isDashed }) => ({
      type: "line",
      name: label,
      xAxisIndex: index,
      yAxisIndex: index,
      color: colorOf(name),
      symbolSize: 7,
      lineStyle: { type: isDashed ? "dashed" : "solid" },
      data: points,
    })),
  };
}

const panelTitle = (text, left) => ({ text, left: left - 5, top: 14, textStyle: { fontSize: 13 } });

function sizeOf(panels) {
  const [{ bars }] = panels;
  if (bars) return { width: NAMES + panels.length * PANEL.width, height: PANEL.top + bars.length * PANEL.line + 15 };
  return { width: 40 + panels.length * (PANEL.width + 40), height: PANEL.top + PANEL.lines + 85 };
}

function draw(file, panels) {
  const size = sizeOf(panels);
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, ...size });
  const drawn = panels.map((panel, index) => (panel.bars ? barPanel : linePanel)(panel, index));
  const all = (part) => drawn.flatMap((panel) => panel[part]);
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: "sans-serif" },
    // Without a browser nobody knows how wide a text is.
    legend: { show: !panels[0].bars, bottom: 10, left: "center", itemGap: 50, textStyle: { width: 280 } },
    title: all("title"),
    grid: all("grid"),
    xAxis: all("xAxis"),
    yAxis: all("yAxis"),
    series: all("series"),
  });
  writeFileSync(file, `${chart.renderToSVGString()}\n`);
  chart.dispose();
}

/** Draws the pictures of all tables that have one and something to show, into a folder. */
function plot(record, folder) {
  for (const table of tables) {
    const panels = table.plot?.(record.cells(table)) ?? [];
    if (panels.length > 0) draw(join(folder, table.picture), panels);
  }
}

module.exports = { plot };
