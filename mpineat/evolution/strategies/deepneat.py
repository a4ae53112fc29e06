"""DeepNEAT: one population, whose nodes are layers (Miikkulainen et al. 2017, section 3.1).

A layer is a module of one node, in a species of its own; blueprints point to their layers. All
else is as in CoDeepNEAT: species, fitness sharing, elites, crossover along innovation numbers.
"""

from __future__ import annotations
