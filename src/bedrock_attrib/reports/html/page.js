"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const data = JSON.parse(document.getElementById("figures").textContent);
  const charts = [];
  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const make = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  const short = (value) => {
    const size = Math.abs(value);
    for (const [step, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
      if (size >= step) return +(value / step).toPrecision(3) + letter;
    return String(+value.toPrecision(3));
  };
  const money = (value) => {
    const size = Math.abs(value);
    const places = size === 0 || size >= 1 ? 2 : Math.min(12, 2 - Math.floor(Math.log10(size)));
    const written = value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: places });
    return data.sign ? data.sign + written : written + " " + data.currency;
  };
  const axisMoney = (value) => {
    const size = Math.abs(value);
    const written = size === 0 || size >= 1000 ? short(value) : String(+value.toPrecision(3));
    return data.sign ? data.sign + written : written;
  };
  const count = (value) => Math.round(value).toLocaleString("en-US");

  /* Bars that stand on one another: each series is drawn up to the sum of those below it,
     the highest first, so that the lower ones cover it. */
  function stacked(series) {
    const sums = data.labels.map(() => 0);
    return series.map((one) => one.values.map((value, at) => (one.off ? null : (sums[at] += value))));
  }

  function chart(holder, chosen, format, axisFormat) {
    const box = holder.querySelector(".chart");
    const legend = holder.querySelector(".legend");
    const said = holder.querySelector("output");
    const tip = make("div", undefined, "tip");
    tip.hidden = true;
    let plot = null;
    let shown = chosen();

    function tell(at) {
      if (at === null || at === undefined || at < 0 || at >= data.labels.length) {
        tip.hidden = true;
        return;
      }
      tip.replaceChildren(make("b", data.labels[at]));
      let total = 0;
      const lines = [];
      for (const one of shown) {
        if (one.off) continue;
        const value = one.values[at];
        total += value;
        if (value) lines.push([one.name, format(value), one.style]);
      }
      lines.push(["total", format(total), ""]);
      for (const [name, value, style] of lines) {
        const line = make("div", undefined, style);
        line.append(make("span", name), make("span", value));
        tip.append(line);
      }
      tip.hidden = false;
      const left = plot.bbox.left / devicePixelRatio + plot.valToPos(at, "x");
      const width = tip.offsetWidth;
      tip.style.left = Math.max(0, left + width + 18 > box.clientWidth ? left - width - 14 : left + 14) + "px";
      return data.labels[at] + ": " + lines.map(([name, value]) => name + " " + value).join(", ");
    }

    function draw() {
      if (plot) plot.destroy();
      const sums = stacked(shown);
      const ink = color("--soft");
      const line = color("--line");
      const axis = { stroke: ink, font: "12px system-ui, sans-serif", ticks: { show: false }, grid: { stroke: line, width: 1 } };
      const bars = uPlot.paths.bars({ size: [0.82, 56], gap: 0 });
      const seen = shown.map((one, at) => ({ ...one, sums: sums[at] })).reverse();
      plot = new uPlot(
        {
          width: box.clientWidth,
          height: box.clientHeight,
          legend: { show: false },
          cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { show: false } },
          scales: {
            x: { time: false, range: [-0.6, data.labels.length - 0.4] },
            y: { range: (_, low, high) => [0, high > 0 ? high * 1.06 : 1] },
          },
          axes: [
            { ...axis, grid: { show: false }, size: 30, gap: 6, space: 64, incrs: [1, 2, 3, 4, 5, 7, 10, 14, 24, 30, 60, 120, 365],
              values: (_, at) => at.map((one) => data.ticks[one] ?? "") },
            { ...axis, size: 58, values: (_, at) => at.map((one) => axisFormat(one)) },
          ],
          series: [
            {},
            ...seen.map((one) => ({ paths: bars, fill: color(one.color), stroke: color("--card"), width: 0.5, points: { show: false } })),
          ],
          hooks: { setCursor: [(made) => plot && tell(made.cursor.idx)] },
        },
        [data.labels.map((_, at) => at), ...seen.map((one) => one.sums)],
        box,
      );
      box.append(tip);
      tip.hidden = true;
    }

    function list() {
      legend.replaceChildren();
      for (const one of shown) {
        const item = make("li");
        const button = make("button", one.name, one.style);
        button.type = "button";
        button.setAttribute("aria-pressed", String(!one.off));
        button.title = "Show or hide it in the chart";
        button.addEventListener("click", () => {
          one.off = !one.off;
          button.setAttribute("aria-pressed", String(!one.off));
          draw();
        });
        item.append(button);
        legend.append(item);
      }
    }

    let at = -1;
    box.addEventListener("keydown", (event) => {
      const last = data.labels.length - 1;
      const moves = { ArrowRight: Math.min(at + 1, last), ArrowLeft: Math.max(at - 1, 0), Home: 0, End: last };
      if (event.key === "Escape") { tip.hidden = true; at = -1; return; }
      if (!(event.key in moves)) return;
      event.preventDefault();
      at = moves[event.key];
      said.textContent = tell(at) ?? "";
    });
    box.addEventListener("blur", () => { tip.hidden = true; });
    box.addEventListener("mouseleave", () => { tip.hidden = true; });
    new ResizeObserver(() => {
      if (plot && box.clientWidth && (plot.width !== box.clientWidth || plot.height !== box.clientHeight))
        plot.setSize({ width: box.clientWidth, height: box.clientHeight });
    }).observe(box);
    const renew = () => { shown = chosen(); list(); draw(); };
    renew();
    charts.push(draw);
    return renew;
  }

  const PALETTE = 8;
  const dressed = (series) =>
    series.map((one, at) => {
      const isRest = one.rest === 1;
      return { ...one, color: isRest ? "--rest" : "--c" + (at % PALETTE), style: isRest ? "sr" : "s" + (at % PALETTE) };
    });

  const spend = document.getElementById("over-time");
  if (spend && data.labels.length) {
    let name = data.dimensions[0].name;
    const renew = chart(spend, () => dressed(data.dimensions.find((one) => one.name === name).series), money, axisMoney);
    const tables = spend.querySelectorAll(".chart-data");
    const choose = () => tables.forEach((one) => { one.hidden = one.dataset.of !== name; });
    const buttons = spend.querySelectorAll(".switch button");
    buttons.forEach((button, at) => {
      button.addEventListener("click", () => {
        name = data.dimensions[at].name;
        buttons.forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
        choose();
        renew();
      });
    });
    choose();
  }
  const tokens = document.getElementById("tokens-over-time");
  if (tokens && data.labels.length) chart(tokens, () => dressed(data.tokens), count, short);

  /* Other colours when day turns to night, and those of paper while it is printed. */
  const again = () => charts.forEach((draw) => draw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  addEventListener("beforeprint", () => { root.classList.add("on-paper"); again(); });
  addEventListener("afterprint", () => { root.classList.remove("on-paper"); again(); });

  /* Amounts are added up exactly: as whole numbers of the smallest part of any of them. */
  const PLACES = 40;
  const exact = (text) => {
    const [whole, part = ""] = text.split(".");
    return BigInt(whole + part.slice(0, PLACES).padEnd(PLACES, "0"));
  };
  const written = (sum) => {
    const text = String(sum).padStart(PLACES + 1, "0");
    const part = text.slice(-PLACES).replace(/0+$/, "").padEnd(2, "0");
    return BigInt(text.slice(0, -PLACES)).toLocaleString("en-US") + "." + part;
  };

  document.querySelectorAll("table.sortable").forEach((table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const number = (text) => Number(text.replaceAll(",", ""));
    const value = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent;
    heads.forEach((head, column) => {
      const isNumber = head.classList.contains("n");
      const button = make("button", head.textContent, "sorter");
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const isUp = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "descending" : !isNumber;
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
        const rows = [...body.rows];
        const order = isNumber
          ? (a, b) => number(value(a, column)) - number(value(b, column))
          : (a, b) => value(a, column).localeCompare(value(b, column), "en", { numeric: true });
        rows.sort((a, b) => (isUp ? order(a, b) : order(b, a)));
        body.append(...rows);
      });
    });
  });

  const field = document.getElementById("find");
  if (field) {
    const table = document.getElementById("all-rows");
    const rows = [...table.tBodies[0].rows];
    const column = Number(table.dataset.sum);
    const said = document.getElementById("found");
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const find = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      let seen = 0;
      let sum = 0n;
      rows.forEach((row, at) => {
        row.hidden = !words.every((word) => texts[at].includes(word));
        if (row.hidden) return;
        seen += 1;
        sum += exact(row.cells[column].dataset.v);
      });
      table.tFoot.hidden = seen < rows.length; // it is the total of all rows
      said.textContent = seen + " of " + rows.length + " rows, together " + (data.sign || "") + written(sum) + (data.sign ? "" : " " + data.currency);
    };
    field.addEventListener("input", find);
    find();
  }
})();
