"""Furnished rooms for training: many kinds of furniture, surfaces, lights and cameras."""
