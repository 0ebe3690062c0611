"""Runwire's SDK: what runs beside a training job."""
