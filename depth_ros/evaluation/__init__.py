"""Evaluation of depth against the truth: datasets, metrics, protocols and reports."""
