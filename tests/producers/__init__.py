"""Tests of what runs beside a training job."""
