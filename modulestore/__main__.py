"""``python -m modulestore`` is the command."""

import sys

from modulestore.cli import main

sys.exit(main())
