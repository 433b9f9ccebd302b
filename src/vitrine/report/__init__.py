"""One self-contained HTML file that shows what a shop's encoder is good at, and where it errs."""

from vitrine.report.page import build_report, write_report

__all__ = ["build_report", "write_report"]
