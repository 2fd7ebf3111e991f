//! A name server of a test's own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

/// What it says of a name.
#[derive(Clone)]
pub(crate) enum Says {
    Addresses(Vec<IpAddr>),
    /// Of another name, which has these.
    Alias(&'static str, Vec<IpAddr>),
    Code(ResponseCode),
    Nothing,
    /// By UDP only that the answer is too long; by TCP these.
    TooLong(Vec<IpAddr>),
}

/// Ends when dropped.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    questions: Arc<AtomicUsize>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for NameServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl NameServer {
    pub(crate) async fn new<F>(says: F) -> Self
    where
        F: Fn(&str) -> Says + Send + Sync + 'static,
    {
        // Somebody else may have the same number by TCP.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let says = Arc::new(says);
        let questions = Arc::new(AtomicUsize::new(0));
        let (says_too, counted) = (Arc::clone(&says), Arc::clone(&questions));
        let by_udp = tokio::spawn(async move {
            let mut buffer = [0u8; 4096];
            loop {
                let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                if let Some(answer) = answer(&buffer[..length], says.as_ref(), false) {
                    udp.send_to(&answer, from).await.unwrap();
                }
            }
        });
        let by_tcp = tokio::spawn(async move {
            loop {
                let (mut stream, _) = tcp.accept().await.unwrap();
                let length = stream.read_u16().await.unwrap();
                let mut question = vec![0u8; usize::from(length)];
                stream.read_exact(&mut question).await.unwrap();
                let answer = answer(&question, says_too.as_ref(), true).unwrap();
                let length = u16::try_from(answer.len()).unwrap();
                stream.write_u16(length).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        Self {
            address,
            questions,
            tasks: [by_udp, by_tcp],
        }
    }

    pub(crate) fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }
}

fn answer(question: &[u8], says: &dyn Fn(&str) -> Says, by_tcp: bool) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).unwrap();
    let query = question.queries[0].clone();
    let name = query.name().to_ascii();
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.add_query(query.clone());
    let mut add = |name: &Name, addresses: Vec<IpAddr>| {
        for address in addresses {
            let data = match address {
                IpAddr::V4(address) => RData::A(address.into()),
                IpAddr::V6(address) => RData::AAAA(address.into()),
            };
            if data.record_type() == query.query_type() {
                answer.add_answer(Record::from_rdata(name.clone(), 300, data));
            }
        }
    };
    match says(name.trim_end_matches('.')) {
        Says::Addresses(addresses) => add(query.name(), addresses),
        Says::Alias(other, addresses) => {
            let other = Name::from_ascii(other).unwrap();
            add(&other, addresses);
            let alias = RData::CNAME(CNAME(other));
            answer.add_answer(Record::from_rdata(query.name().clone(), 60, alias));
        }
        Says::Code(code) => answer.metadata.response_code = code,
        Says::Nothing => return None,
        Says::TooLong(addresses) if by_tcp => add(query.name(), addresses),
        Says::TooLong(_) => answer.metadata.truncation = true,
    }
    assert!(matches!(
        query.query_type(),
        RecordType::A | RecordType::AAAA
    ));
    Some(answer.to_vec().unwrap())
}
