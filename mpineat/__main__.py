"""`python -m mpineat`."""

import sys

from mpineat.cli.main import main

sys.exit(main())
