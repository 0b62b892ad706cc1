"""``python -m airflow_provider_voiceinfra``."""

from __future__ import annotations

import sys

from airflow_provider_voiceinfra.cli.parser import main

if __name__ == "__main__":
    sys.exit(main())
