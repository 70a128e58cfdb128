"""Recognize persons, vehicles and animals in pictures with motion, by a process that has the model."""
