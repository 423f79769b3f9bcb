"""A fake of Alpaca's paper trading: orders, option and stock data, `trade_updates`, its own ledger.

It behaves as Alpaca's paper API was documented and recorded to behave, over real HTTP and a real
websocket, and on top of that it lies on demand. What it sends is held to Alpaca's own OpenAPI
documents by `tests/alpaca/`. What it cannot do (replacing orders, trailing stops, several legs,
closing positions) it answers with 501, never with an invention.

Drive it from a test with the `alpaca` fixture, or anywhere with `running_alpaca`::

    with running_alpaca() as alpaca:                      # or running_alpaca(journal=path)
        account = alpaca.add_account("PA1", cash="10000")
        alpaca.set_hours("open")                          # or set_time("2026-11-24T15:00:00Z")
        alpaca.quote("AAPL", bid="99.98", ask="100.02")
        alpaca.fault("hang", accepts=True)                # the next POST: accepted, never answered
        client = Client(url=alpaca.url, stream=alpaca.stream_url, keys=account)
        ...
        assert len(alpaca.posts()) == 1                   # what came in, and how it was answered
        assert alpaca.orders("PA1")[0]["status"] == "filled"

Trading and data are both at `url`. The control plane has a port of its own. The fake's clock goes
with the machine's until it is set; rate limits always go by the machine's, as clients do.

- `control.py` says what a test can do; `faults.py` what can go wrong, `habits.py` what is slow
- `brokerage.py` and what it imports are pure: ledger and rules, no I/O, no clock
- `door.py` and `*_routes.py` are HTTP, `stream.py` the websocket, `journal.py` the memory on disk
"""
