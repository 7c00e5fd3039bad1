"""Dumps a database on a server with the server's own Python client: not a line of the program under test.

    peer.py postgres://user@127.0.0.1:PORT/DB OUT        every row of every table, typed: a JSON line each, sorted
    peer.py mysql://user@127.0.0.1:PORT/DB OUT
"""
import json
import sys
import urllib.parse


def opened(url):
    """Connection, the quoting sign, and the query for names of tables."""
    at = urllib.parse.urlparse(url)
    if at.scheme == "postgres":
        import psycopg2

        connection = psycopg2.connect(host=at.hostname, port=at.port, user=at.username, dbname=at.path[1:])
        return connection, '"', "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    import pymysql

    connection = pymysql.connect(host=at.hostname, port=at.port, user=at.username, database=at.path[1:], charset="utf8mb4")
    names = "SELECT table_name FROM information_schema.tables WHERE table_schema = database()"
    return connection, "`", names + " AND table_type = 'BASE TABLE'"


def typed(cell):
    if isinstance(cell, memoryview):
        cell = bytes(cell)
    return None if cell is None else "%s %r" % (type(cell).__name__, cell)


def rows(connection, query):
    cursor = connection.cursor()
    cursor.execute(query)
    return cursor.fetchall()


def dump(url, out):
    connection, quote, names = opened(url)
    with open(out, "w", encoding="utf-8") as lines:
        for (table,) in sorted(rows(connection, names)):
            query = "SELECT * FROM %s%s%s" % (quote, table.replace(quote, quote * 2), quote)
            cells = [json.dumps([table, [typed(cell) for cell in row]], ensure_ascii=False) for row in rows(connection, query)]
            lines.writelines(line + "\n" for line in sorted(cells))


if __name__ == "__main__":
    dump(*sys.argv[1:])
