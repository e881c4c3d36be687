"""What stands behind a number: pure functions from facts to parts, no input or output, no clock.

:mod:`exporter.explain.facts` holds the shapes, :mod:`exporter.explain.parts` says of each
deployment and merge request whether it counts or why it does not, and
:mod:`exporter.explain.totals` puts the parts of a bucket together to its number again.
"""
