from oscar.apps.partner import migrations

__path__ = [*__path__, *migrations.__path__]
