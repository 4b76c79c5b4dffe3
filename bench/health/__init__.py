"""Watches over the measuring itself: harness, processes and machine during a trial, and how fine this machine is."""
