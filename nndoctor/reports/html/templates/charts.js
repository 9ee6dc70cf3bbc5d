// Draws the charts with Bokeh: those near the window first, then the others, and all again when the theme changes.
"use strict";
(() => {
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const MISSING = 0, LOWEST = 1, HIGHEST = 254;
  const drawn = new Map();
  const touch = matchMedia("(pointer: coarse)").matches;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const numbers = (list) => Float64Array.from(list, (value) => value ?? NaN);
  const shorter = (text, most) => (text.length > most ? `\u2026${text.slice(-(most - 1))}` : text);
  const plain = (value) => {
    const size = Math.abs(value);
    return value === 0 || (size >= 1e-3 && size < 1e5) ? `${+value.toPrecision(4)}` : value.toExponential(2);
  };

  // Half of the time that a chart takes is its tools': they come when the pointer does.
  let tools = false;

  function figure(element, options) {
    const plot = Bokeh.Plotting.figure({
      height: element.clientHeight, width: element.clientWidth, sizing_mode: "stretch_width",
      tools: tools ? (touch ? "reset,save" : "xbox_zoom,box_zoom,reset,save") : "",
      toolbar_location: tools ? "above" : null, toolbar_inner: true, ...options,
    });
    plot.toolbar.logo = null;
    plot.background_fill_color = plot.border_fill_color = colour("paper");
    plot.outline_line_color = null;
    plot.min_border_right = 12;
    for (const axis of [...plot.xaxes, ...plot.yaxes]) {
      axis.axis_line_color = colour("rule");
      axis.major_tick_line_color = colour("rule");
      axis.minor_tick_line_color = null;
      axis.major_label_text_color = axis.axis_label_text_color = colour("quiet");
      axis.major_label_text_font_size = "11px";
      axis.axis_label_text_font_size = "11px";
      axis.axis_label_text_font_style = "normal";
    }
    for (const axis of [plot.xaxes[0], plot.yaxes[0]]) if ("power_limit_low" in axis.formatter) axis.formatter.power_limit_low = -5;
    for (const lines of [...plot.xgrids, ...plot.ygrids]) lines.grid_line_color = colour("grid");
    return plot;
  }

  function legend(plot, items) {
    const box = new Bokeh.Legend({
      items: items.map(([label, renderers]) => new Bokeh.LegendItem({ label: { value: shorter(label, 40) }, renderers })),
      orientation: "horizontal", ncols: Math.max(1, Math.floor(plot.width / 190)), location: "left",
      border_line_color: null, background_fill_color: null, label_text_color: colour("ink"),
      label_text_font_size: "11px", padding: 2, margin: 2, spacing: 14, click_policy: "hide",
    });
    plot.add_layout(box, "below");
  }

  function lines(element, spec) {
    const plot = figure(element, {
      x_axis_type: spec.log_x ? "log" : "linear", y_axis_type: spec.log_y ? "log" : "linear",
      x_axis_label: spec.x, y_axis_label: shorter(spec.y, 40),
    });
    for (const band of spec.bands) {
      if (band.low === band.high) {
        const at = { location: band.low, dimension: band.axis === "x" ? "height" : "width" };
        plot.add_layout(new Bokeh.Span({ ...at, line_color: colour("quiet"), line_dash: [2, 3], line_width: 1.5 }));
        continue;
      }
      const sides = band.axis === "x" ? { left: band.low, right: band.high } : { bottom: band.low, top: band.high };
      plot.add_layout(new Bokeh.BoxAnnotation({ ...sides, fill_color: colour("passed"), fill_alpha: 0.12, line_color: null }));
    }
    const items = spec.series.map((series, i) => {
      const [xs, ys] = series.xy;
      const source = new Bokeh.ColumnDataSource({ data: { x: numbers(xs), y: numbers(ys), name: xs.map(() => series.name) } });
      const line = { field: "x" };
      const style = series.faint
        ? { line_color: colour("first"), line_width: 1, line_alpha: 0.6, level: "underlay" }
        : { line_color: colour(`s${(i % 8) + 1}`), line_width: 2, line_dash: series.dashed ? [6, 4] : [] };
      const renderer = plot.line(line, { field: "y" }, { source, ...style });
      // A value that stands alone is no line.
      if (xs.length < 40) plot.scatter(line, { field: "y" }, { source, size: 4, fill_color: style.line_color, line_color: null });
      return [series.name, [renderer]];
    });
    if (tools) plot.add_tools(new Bokeh.HoverTool({
      renderers: items.flatMap((item) => item[1]), mode: "mouse", line_policy: "nearest",
      tooltips: [["", "@name"], [spec.x, "@x{0.[0000]a}"], ["value", "@y{0.0000e+0}"]],
    }));
    if (items.length > 1) legend(plot, items);
    const values = spec.series.flatMap((series) => series.xy[1]).filter((value) => value !== null);
    const low = Math.min(...values), high = Math.max(...values);
    if (spec.log_y) logTicks(plot.yaxes[0], low, high);
    else if (low === high) plot.y_range.default_span = Math.abs(low) || 1;
    return plot;
  }

  // Over less than three powers of ten Bokeh labels the upper part of a logarithmic axis only.
  function logTicks(axis, low, high) {
    if (!(low > 0) || high / low >= 1000) return;
    const places = [];
    for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.log10(high) + 1; power++) {
      for (const digit of high / low > 30 ? [1, 3] : [1, 2, 5]) places.push(+(digit * 10 ** power).toPrecision(1));
    }
    axis.ticker = new Bokeh.FixedTicker({ ticks: places });
    axis.formatter = new Bokeh.BasicTickFormatter({ precision: 2 });
    axis.major_label_overrides = new Map(places.map((place) => [place, plain(place)]));
  }

  function bars(element, spec) {
    const factors = spec.categories.map((name) => shorter(name, 24));
    const plot = figure(element, { x_range: factors, y_axis_label: spec.y });
    const count = spec.series.length;
    const below = new Float64Array(factors.length);
    const items = spec.series.map((series, i) => {
      const share = spec.stacked ? 0.6 : 0.8 / count;
      const shift = spec.stacked ? 0 : (i - (count - 1) / 2) * share;
      const tops = numbers(series.values).map((value, k) => (spec.stacked ? below[k] + value : value));
      const data = {
        x: factors.map((name) => [name, shift]), top: tops, bottom: Float64Array.from(below),
        value: numbers(series.values), category: spec.categories, name: factors.map(() => series.name),
      };
      if (spec.stacked) below.set(tops);
      const source = new Bokeh.ColumnDataSource({ data });
      const renderer = plot.vbar(
        { field: "x" }, share * 0.94, { field: "top" }, { field: "bottom" },
        { source, fill_color: colour(`s${(i % 8) + 1}`), line_color: null },
      );
      return [series.name, [renderer]];
    });
    plot.y_range.start = 0;
    plot.xgrids[0].grid_line_color = null;
    if (factors.length > 12) plot.xaxes[0].major_label_orientation = 1;
    if (tools) plot.add_tools(new Bokeh.HoverTool({ tooltips: [["", "@category"], ["@name", "@value"]] }));
    if (count > 1) legend(plot, items);
    return plot;
  }

  // Blue is low, green is the usual range where there is one, orange is high.
  const RAMP = ["#2c3e8c", "#2b6ca3", "#2f93a5", "#5bb38c", "#a8cf6b", "#f0e05a"];
  const LOW = ["#2b4a8f", "#5b86bf", "#b6cfe3"], GOOD = ["#8fca96", "#4fa765", "#8fca96"], HIGH = ["#f2cf9b", "#e0883a", "#a53a1d"];
  const mixed = (colours, share) => {
    const place = Math.min(Math.max(share, 0), 1) * (colours.length - 1);
    const i = Math.min(Math.floor(place), colours.length - 2);
    const part = (c, k) => parseInt(c.slice(1 + 2 * k, 3 + 2 * k), 16);
    const bytes = [0, 1, 2].map((k) => Math.round(part(colours[i], k) + (place - i) * (part(colours[i + 1], k) - part(colours[i], k))));
    return `#${bytes.map((b) => b.toString(16).padStart(2, "0")).join("")}`;
  };

  function palette(spec, at) {
    const colours = [];
    const scale = spec.log ? Math.log : (v) => v;
    for (let level = LOWEST; level <= HIGHEST; level++) {
      const share = (level - LOWEST) / (HIGHEST - LOWEST);
      if (!spec.band) { colours.push(mixed(RAMP, share)); continue; }
      const [low, high] = spec.band;
      const value = at(level);
      // Full colour three decades away from the usual range, whatever the range of the data.
      const away = (far, near) => Math.abs(scale(far) - scale(near)) / (3 * Math.LN10);
      if (value < low) colours.push(mixed([...LOW].reverse(), away(value, low)));
      else if (value > high) colours.push(mixed(HIGH, away(value, high)));
      else colours.push(mixed(GOOD, (scale(value) - scale(low)) / (scale(high) - scale(low))));
    }
    return colours;
  }

  function heat(element, spec) {
    const rows = spec.rows.length, columns = spec.columns.length;
    const levels = Uint8Array.from(atob(spec.levels), (c) => c.charCodeAt(0));
    const at = (level) => {
      const share = (level - LOWEST) / (HIGHEST - LOWEST);
      return spec.log ? spec.low * (spec.high / spec.low) ** share : spec.low + share * (spec.high - spec.low);
    };
    const colours = palette(spec, at);
    const pixels = new Uint32Array(rows * columns);
    const dark = document.documentElement.dataset.theme === "dark";
    const packed = (c) => (0xff000000 | (parseInt(c.slice(5, 7), 16) << 16) | (parseInt(c.slice(3, 5), 16) << 8) | parseInt(c.slice(1, 3), 16)) >>> 0;
    const packs = colours.map(packed);
    const broken = packed(dark ? "#ff4fd8" : "#c2007f");
    // Bokeh draws from below, the first layer belongs on top.
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const level = levels[r * columns + c];
        const pixel = level === MISSING ? 0 : level > HIGHEST ? broken : packs[level - LOWEST];
        pixels[(rows - 1 - r) * columns + c] = pixel;
      }
    }
    const plot = figure(element, {
      x_range: new Bokeh.Range1d({ start: 0, end: columns }), y_range: new Bokeh.Range1d({ start: 0, end: rows }),
      x_axis_label: "step",
    });
    const image = new Bokeh.ColumnDataSource({
      data: { image: [Bokeh.require("core/util/ndarray").ndarray(pixels.buffer, { shape: [rows, columns], dtype: "uint32" })] },
    });
    plot.image_rgba({ field: "image" }, 0, 0, columns, rows, { source: image });
    for (const lines of [...plot.xgrids, ...plot.ygrids]) lines.visible = false;
    ticks(plot.xaxes[0], spec.columns, columns, Math.max(2, Math.floor(element.clientWidth / 90)), (i) => i + 0.5, (s) => s);
    const most = element.clientWidth < 500 ? 12 : 26;
    ticks(plot.yaxes[0], spec.rows, rows, Math.max(2, Math.floor(element.clientHeight / 17)), (i) => rows - i - 0.5, (s) => shorter(s, most));
    plot.yaxes[0].major_tick_line_color = null;
    bar(plot, spec, colours);
    follow(element, spec, levels, at, plot);
    return plot;
  }

  function ticks(axis, labels, count, most, place, shown) {
    const stride = Math.max(1, Math.ceil(count / most));
    const places = [], overrides = new Map();
    for (let i = 0; i < count; i += stride) { places.push(place(i)); overrides.set(place(i), shown(labels[i])); }
    axis.ticker = new Bokeh.FixedTicker({ ticks: places });
    axis.major_label_overrides = overrides;
  }

  function bar(plot, spec, colours) {
    const Mapper = spec.log ? Bokeh.LogColorMapper : Bokeh.LinearColorMapper;
    const high = spec.high > spec.low ? spec.high : spec.low + (Math.abs(spec.low) || 1);
    const box = new Bokeh.ColorBar({
      color_mapper: new Mapper({ palette: colours, low: spec.low, high }), width: 10, padding: 6,
      ticker: spec.log ? new Bokeh.LogTicker({ desired_num_ticks: 4 }) : new Bokeh.BasicTicker({ desired_num_ticks: 4 }),
      formatter: spec.log ? new Bokeh.LogTickFormatter() : new Bokeh.BasicTickFormatter(),
      background_fill_color: null, border_line_color: null, bar_line_color: null, major_tick_line_color: null,
      major_label_text_color: colour("quiet"), major_label_text_font_size: "11px",
    });
    if (spec.log) logTicks(box, spec.low, high);
    plot.add_layout(box, "right");
  }

  // The value under the pointer, from the levels: an image in colours of its own has nothing that a tooltip could show.
  function follow(element, spec, levels, at, plot) {
    const rows = spec.rows.length, columns = spec.columns.length;
    const said = element.parentElement.querySelector(".summary");
    const summary = (said.dataset.summary ??= said.textContent);
    element.onmousemove = (event) => {
      const frame = drawn.get(element.parentElement.id)?.view?.frame?.bbox;
      if (!frame) return;
      const box = element.getBoundingClientRect();
      const x = (event.clientX - box.left - frame.left) / frame.width, y = (event.clientY - box.top - frame.top) / frame.height;
      const { x_range: xs, y_range: ys } = plot;
      const column = Math.floor(xs.start + x * (xs.end - xs.start)), row = rows - 1 - Math.floor(ys.start + (1 - y) * (ys.end - ys.start));
      if (x < 0 || x > 1 || y < 0 || y > 1 || !(column in spec.columns) || !(row in spec.rows)) { said.textContent = summary; return; }
      const level = levels[row * columns + column];
      const value = level === MISSING ? "not measured" : level > HIGHEST ? "not finite" : plain(at(level));
      said.textContent = `${spec.rows[row]}, step ${spec.columns[column]}: ${value}`;
    };
    element.onmouseleave = () => { said.textContent = summary; };
  }

  const makers = { lines, bars, heat };
  async function draw(place, withTools = drawn.get(place.id)?.withTools ?? false) {
    const element = place.querySelector(".plot");
    const spec = specs[place.id];
    if (!spec || element.clientWidth === 0) return;
    const before = drawn.get(place.id);
    const entry = { view: before?.view, withTools };
    drawn.set(place.id, entry);
    const layer = document.createElement("div");
    layer.className = "layer";
    element.append(layer);
    tools = withTools;
    const plot = makers[spec.kind](element, spec);
    const view = await Bokeh.Plotting.show(plot, layer);
    if (drawn.get(place.id) !== entry) { view.remove(); layer.remove(); return; }
    // The one before stays until this one is there: nothing flickers.
    before?.view?.remove();
    for (const old of [...element.children]) if (old !== layer) old.remove();
    entry.view = view;
    place.dataset.drawn = withTools ? "tools" : "yes";
  }

  const places = [...document.querySelectorAll(".chart")];
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting && !drawn.has(entry.target.id)) draw(entry.target);
  }, { rootMargin: "300px" });
  for (const place of places) {
    watcher.observe(place);
    place.querySelector(".plot").addEventListener("pointerenter", () => {
      if (drawn.get(place.id)?.view && !drawn.get(place.id).withTools) draw(place, true);
    });
  }
  // The others one by one when there is nothing else to do: printing does not wait for charts that are not there yet.
  const idle = window.requestIdleCallback ?? ((then) => setTimeout(then, 50));
  const rest = [...places];
  async function drawNext() {
    const place = rest.find((each) => !drawn.has(each.id));
    if (!place) return;
    rest.splice(0, rest.indexOf(place) + 1);
    await draw(place);
    idle(drawNext);
  }
  addEventListener("load", () => idle(drawNext));
  document.addEventListener("themechange", () => { for (const place of places) if (drawn.has(place.id)) draw(place); });
  addEventListener("beforeprint", () => { for (const place of places) draw(place); });
})();
