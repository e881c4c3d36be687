"""The front: a small process of its own that holds the port, so that no poll holds up a scrape.

Python runs one thread of a process at a time, and a poll keeps it busy. So the exporter starts a
second process, the front. It answers ``/metrics`` from what the exporter rendered and handed over,
and passes every other request on to the exporter, whose pages listen on the loopback interface and
answer nobody but the front.

:mod:`exporter.front.process` is the exporter's side, the other modules are the front's; these load
little, for they are in memory a second time.
"""
