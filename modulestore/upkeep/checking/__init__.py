"""What is wrong with a database, and what mends it, as values. What is looked at comes in as arguments.

The shells are ``modulestore/_async/checking.py``, which reads, and ``repairing.py``, which commits.
"""

from modulestore.upkeep.checking.problems import CheckReport, Kind, Made, Problem, RepairReport, Severity

__all__ = ["CheckReport", "Kind", "Made", "Problem", "RepairReport", "Severity"]
