"""What the examples write: orders, the figures added up from them, and an index of files."""

from django.db import models


class Order(models.Model):
    """One row of an imported file."""

    order_no = models.CharField(max_length=20, unique=True)
    ordered_on = models.DateField()
    customer = models.CharField(max_length=200)
    email = models.EmailField()
    country = models.CharField(max_length=2)  # ISO 3166, two letters
    product = models.CharField(max_length=200)
    quantity = models.PositiveIntegerField()
    unit_price_eur = models.DecimalField(max_digits=10, decimal_places=2)
    imported_at = models.DateTimeField()

    class Meta:
        db_table = "examples_order"
        ordering = ["order_no"]

    def __str__(self) -> str:
        return self.order_no


class MonthlyRevenue(models.Model):
    """What was ordered in one country in one month."""

    month = models.DateField()  # its first day
    country = models.CharField(max_length=2)
    orders = models.PositiveIntegerField()
    units = models.PositiveIntegerField()
    revenue_eur = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        db_table = "examples_monthly_revenue"
        ordering = ["month", "country"]
        verbose_name_plural = "monthly revenues"
        constraints = [models.UniqueConstraint(fields=["month", "country"], name="examples_revenue_once")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.country}"


class IndexedFile(models.Model):
    """One file of an indexed folder, as it was last seen."""

    folder = models.CharField(max_length=300)  # the app's label and the folder in it: admin/templates
    path = models.CharField(max_length=500)  # inside the folder
    size_bytes = models.BigIntegerField()
    lines = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    indexed_at = models.DateTimeField()

    class Meta:
        db_table = "examples_indexed_file"
        ordering = ["folder", "path"]
        constraints = [models.UniqueConstraint(fields=["folder", "path"], name="examples_file_once")]

    def __str__(self) -> str:
        return f"{self.folder}/{self.path}"
