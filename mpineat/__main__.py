"""`python -m mpineat`."""

import sys

from mpineat.cli import main

sys.exit(main())
