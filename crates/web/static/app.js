/* Progressive enhancement: every page works without this file. Texts come from the pages. */
(function () {
  'use strict'
  const page = document.documentElement
  const saver = page.dataset.saver === 'on' || !!(navigator.connection && navigator.connection.saveData)
  const all = (what, within) => (within || document).querySelectorAll(what)

  // Elements that need scripts are hidden until now.
  const reveal = within => all('[data-js]', within).forEach(part => { part.hidden = false })

  document.addEventListener('click', event => {
    const on = what => event.target.closest(what)
    const dismissed = on('[data-dismiss]')
    if (dismissed) dismissed.closest('.toast').remove()
    const shown = on('[data-show]')
    if (shown) showPassword(shown)
    const wanted = on('[data-candles]')
    if (wanted) loadCandles(wanted)
    all('.menu[open]').forEach(menu => { if (!menu.contains(event.target)) menu.open = false })
  })
  document.addEventListener('keydown', event => {
    if (event.key !== 'Escape') return
    all('.menu[open]').forEach(menu => { menu.open = false; menu.firstElementChild.focus() })
  })

  function showPassword (button) {
    const field = document.getElementById(button.dataset.show)
    const hidden = field.type === 'password'
    field.type = hidden ? 'text' : 'password'
    button.setAttribute('aria-pressed', String(hidden))
  }

  // The estimate of a ticket. The server decides the total.
  document.addEventListener('input', event => {
    const form = event.target.form
    const field = form && form.querySelector('[data-estimate]')
    const output = field && document.getElementById(field.dataset.estimate)
    if (!output) return
    const sells = form.elements.side.value === 'sell'
    // Minor units, rounded as on the server; the price is in 1/10,000. The product of floats may be
    // slightly off a whole number.
    const { ask, bid, unit, digits } = field.dataset
    const exact = Number(field.value) * Number(sells ? bid : ask) / Number(unit)
    const minor = sells ? Math.floor(exact + 1e-6) : Math.ceil(exact - 1e-6)
    const known = field.validity.valid && isFinite(minor)
    const places = { minimumFractionDigits: Number(digits), maximumFractionDigits: Number(digits) }
    const total = (minor / 10 ** Number(digits)).toLocaleString('en', places)
    output.textContent = known ? field.dataset.prefix + total : '\u2026'
  })

  // Large charts on request: 54 kB that are loaded on a click only. The frame names the script, the
  // data ([day, open, high, low, close], ...) and the element to hide.
  function loadCandles (button) {
    const script = document.createElement('script')
    button.disabled = true
    script.src = button.dataset.script
    script.onload = () => { drawCandles(button); button.remove() }
    script.onerror = () => { button.disabled = false }
    document.head.append(script)
  }
  function drawCandles (button) {
    const box = document.getElementById(button.dataset.candles)
    const rows = JSON.parse(document.getElementById(box.dataset.rows).textContent)
    const colour = name => getComputedStyle(page).getPropertyValue(name).trim()
    const library = window.LightweightCharts
    const [gain, loss, line] = [colour('--gain'), colour('--loss'), colour('--border')]
    box.closest('[data-chart]').hidden = false
    const chart = library.createChart(box, {
      autoSize: true,
      // The logo adds a style element, which the policy forbids: the page has a link instead.
      layout: { background: { color: 'transparent' }, textColor: colour('--text-2'), attributionLogo: false },
      grid: { vertLines: { visible: false }, horzLines: { color: line } },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false }
    })
    // As many places as the finest price, at least those of an amount.
    const placesOf = price => (String(price).split('.')[1] || '').length
    const places = Math.max(Number(box.dataset.digits), ...rows.flatMap(([, ...prices]) => prices.map(placesOf)))
    const series = chart.addSeries(library.CandlestickSeries, {
      priceFormat: { type: 'price', precision: places, minMove: 10 ** -places },
      upColor: 'transparent', downColor: loss, borderUpColor: gain, borderDownColor: loss, wickUpColor: gain, wickDownColor: loss
    })
    series.setData(rows.map(([time, open, high, low, close]) => ({ time, open, high, low, close })))
    chart.timeScale().fitContent()
    const still = document.getElementById(box.dataset.still)
    if (still) still.hidden = true
  }

  // The event stream: closed while the page is hidden, and never opened by data savers.
  let stream
  if (window.htmx) {
    window.htmx.createEventSource = url => (stream = new EventSource(url))
    if (saver) all('[sse-connect]').forEach(part => part.removeAttribute('sse-connect'))
    document.addEventListener('visibilitychange', () => {
      if (!stream) return
      if (document.hidden) stream.close()
      // The extension reopens a closed stream on an error event.
      else if (stream.readyState === EventSource.CLOSED && stream.onerror) stream.onerror()
    })
    // Scroll to the top after a boosted navigation, as after a link.
    document.addEventListener('htmx:afterSettle', event => {
      const target = event.detail.target || event.target
      reveal(target)
      if (target.id !== 'main') return
      const main = document.getElementById('main')
      const at = document.activeElement
      if (main && (!at || at === document.body)) main.focus({ preventScroll: true })
    })
  }

  reveal()
  if ('serviceWorker' in navigator && !saver) {
    addEventListener('load', () => navigator.serviceWorker.register('/sw.js').catch(() => {}))
  }
})()
