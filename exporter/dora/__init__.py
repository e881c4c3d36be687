"""What the numbers mean: pure functions over plain facts, no input or output, no clock.

Start with :mod:`exporter.dora.arithmetic`; :mod:`exporter.dora.facts` holds the shapes it works on,
:mod:`exporter.dora.calendar` the days and months, :mod:`exporter.dora.tiers` GitLab's tiers.
"""
