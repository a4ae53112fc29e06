"""The only room of TensorFlow; it runs in a worker's child process, for `export` and `check` here.

Whatever imports TensorFlow passes here first, so here Keras is told what mpineat builds on.
"""

import os

from mpineat.child.keras_settings import SETTINGS

os.environ.update(SETTINGS)
