//! The limit: a table's rows as they come over the line, received and thrown away. Speaks just enough of both protocols;
//! binary, as lastbell reads. Only for servers that trust the socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

const BUFFER: usize = 256 << 10;

/// Reads what a `COPY` sends. Returns how many bytes of messages came.
pub(crate) fn postgres(socket: &Path, sql: &str) -> u64 {
    let mut stream = UnixStream::connect(socket).unwrap();
    let mut start = Vec::new();
    start.extend(196_608_u32.to_be_bytes()); // protocol 3.0
    start.extend(b"user\0postgres\0database\0diary\0\0");
    stream.write_all(&[&(start.len() as u32 + 4).to_be_bytes()[..], &start].concat()).unwrap();
    let mut reader = BufReader::with_capacity(BUFFER, stream.try_clone().unwrap());
    until_ready(&mut reader);
    let query = format!("COPY ({sql}) TO STDOUT (FORMAT binary)\0");
    stream.write_all(&[b"Q", &(query.len() as u32 + 4).to_be_bytes()[..], query.as_bytes()].concat()).unwrap();
    until_ready(&mut reader)
}

fn until_ready(reader: &mut impl BufRead) -> u64 {
    let mut bytes = 0;
    loop {
        let mut head = [0; 5];
        reader.read_exact(&mut head).unwrap();
        assert_ne!(head[0], b'E', "an error of the server");
        let length = u64::from(u32::from_be_bytes([head[1], head[2], head[3], head[4]])) - 4;
        skip(reader, length);
        bytes += length;
        if head[0] == b'Z' {
            return bytes;
        }
    }
}

fn skip(reader: &mut impl BufRead, mut length: u64) {
    while length > 0 {
        let here = reader.fill_buf().unwrap().len().min(usize::try_from(length).unwrap());
        assert!(here > 0, "the line was cut");
        reader.consume(here);
        length -= here as u64;
    }
}

/// Reads what a prepared `SELECT` sends. Returns how many bytes of rows came.
pub(crate) fn mariadb(socket: &Path, sql: &str) -> u64 {
    let stream = UnixStream::connect(socket).unwrap();
    let mut line = Line { reader: BufReader::with_capacity(BUFFER, stream.try_clone().unwrap()), writer: stream };
    line.log_in();
    line.send(0, &[b"\x16", sql.as_bytes()].concat()); // COM_STMT_PREPARE
    let prepared = line.packet();
    assert_eq!(prepared[0], 0, "an error of the server");
    let statement = &prepared[1..5];
    let columns = u16::from_le_bytes([prepared[5], prepared[6]]);
    (0..=columns).for_each(|_| drop(line.packet())); // their definitions and the mark behind them
    line.send(0, &[b"\x17", statement, &[0, 1, 0, 0, 0]].concat()); // COM_STMT_EXECUTE, no cursor
    (0..columns + 2).for_each(|_| drop(line.packet())); // their number, their definitions, the mark
    line.rows()
}

struct Line {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl Line {
    fn head(&mut self) -> (usize, u8) {
        let mut head = [0; 4];
        self.reader.read_exact(&mut head).unwrap();
        (u32::from_le_bytes([head[0], head[1], head[2], 0]) as usize, head[3])
    }

    fn packet(&mut self) -> Vec<u8> {
        let (length, _) = self.head();
        let mut packet = vec![0; length];
        self.reader.read_exact(&mut packet).unwrap();
        packet
    }

    fn send(&mut self, number: u8, body: &[u8]) {
        let [a, b, c, _] = (body.len() as u32).to_le_bytes();
        self.writer.write_all(&[&[a, b, c, number], body].concat()).unwrap();
    }

    /// As root, who needs no password on the socket; whatever else is asked for is answered with nothing.
    fn log_in(&mut self) {
        drop(self.packet());
        let abilities = 0x0000_0001_u32 | 0x0000_0008 | 0x0000_0200 | 0x0000_2000 | 0x0000_8000 | 0x0008_0000;
        let mut hello = abilities.to_le_bytes().to_vec();
        hello.extend((1_u32 << 24).to_le_bytes());
        hello.push(45); // utf8mb4
        hello.extend([0; 23]);
        hello.extend(b"root\0\0diary\0mysql_native_password\0");
        self.send(1, &hello);
        loop {
            let (length, number) = self.head();
            let mut answer = vec![0; length];
            self.reader.read_exact(&mut answer).unwrap();
            match answer[0] {
                0 => return,
                0xfe => self.send(number + 1, &[]),
                _ => panic!("the server lets nobody in"),
            }
        }
    }

    fn rows(&mut self) -> u64 {
        let mut bytes = 0;
        loop {
            let (length, _) = self.head();
            let first = self.reader.fill_buf().unwrap()[0];
            assert_ne!(first, 0xff, "an error of the server");
            skip(&mut self.reader, length as u64);
            if first == 0xfe && length < 9 {
                return bytes;
            }
            bytes += length as u64;
        }
    }
}
