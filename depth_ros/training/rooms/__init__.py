"""Furnished rooms to train on: many kinds of furniture, surfaces, lights and cameras."""
